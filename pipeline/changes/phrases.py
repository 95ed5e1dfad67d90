"""Wordings that decide what kind of change a line is, in many languages: data for `classify`.

All patterns are tried on all lines, since a page may declare no language or a wrong one. They are
matched without regard to case, against a line with uniform typography.
"""

from __future__ import annotations

import re
from typing import Final

# A paragraph that begins so is a note of the editors about a mistake.
CORRECTION_LABELS: Final = (
    r"corrections?(?: \([^)]{1,40}\)| and clarifications?)?[:.]",
    r"correction,? \w+\.? \d{1,2}(?:, \d{4})?[:.]",
    r"clarifications?:",
    r"erratum\b",
    r"editor'?s'? note:",
    r"уточнени[ея][:.]|исправлени[ея][:.]|поправка[:.]|от редакции[:.]|опровержение[:.]",
    r"berichtigung\b[:.]?|korrektur[:.]|richtigstellung\b[:.]?|anmerkung der redaktion[:.]?",
    r"rectificatif\b|correction :|précision[ :]|erratum\b|mise au point[ :]",
    r"note de la rédaction[ :]",
    r"corrección[:.]|fe de erratas?\b|fe de errores\b|rectificación[:.]|aclaración[:.]",
    r"nota de la redacción[:.]",
    r"correção[:.]|errata[:.]|errámos[:.]|erramos[:.]|nota da redação[:.]|retificação[:.]",
    r"rettifica[:.]|correzione[:.]|precisazione[:.]|errata corrige\b|nota della redazione[:.]",
    r"correctie[:.]|rectificatie[:.]|verbetering[:.]|naschrift(?: van de)? redactie[:.]",
    r"sprostowanie[:.]|korekta[:.]|errata[:.]|od redakcji[:.]",
    r"виправлення[:.]|уточнення[:.]|спростування[:.]|від редакції[:.]",
    r"düzeltme[:.]|tashih[:.]|tekzip[:.]|editörün notu[:.]",
    r"түзету[:.]|нақтылау[:.]|редакциядан[:.]",
    r"оңдоо[:.]|тактоо[:.]|редакциядан[:.]",
    r"tuzatish[:.]|aniqlik kiritish[:.]|tahririyatdan[:.]|тузатиш[:.]|таҳририятдан[:.]",
    r"ислоҳ[:.]|тасҳеҳ[:.]|дақиқсозӣ[:.]|аз идораи? таҳрир[:.]",
    r"تصحيح ?[:：]|تصويب ?[:：]|توضيح ?[:：]|ملاحظة المحرر ?[:：]",
    r"اصلاحیه|تصحیح ?[:：]|توضیح سردبیر|یادداشت سردبیر",
    r"更正[:：]|勘误|更正启事|編輯按[:：]|编者按[:：]",
    r"訂正[:：]|【訂正】|お詫びと訂正|おわびして訂正",
)
# A sentence that says so is one, wherever it stands.
CORRECTION_SENTENCES: Final = (
    (
        r"(?:an|the|a) (?:earlier|previous|original|prior) versions? of (?:this|the) "
        r"(?:article|story|report|post|piece|headline|caption|column|page)"
    ),
    (
        r"this (?:article|story|report|post|piece|headline|caption) (?:was|has been|had been) "
        r"(?:\w+ )?(?:corrected|amended|updated to (?:correct|clarify|reflect|remove)|"
        r"edited to (?:correct|clarify|remove))"
    ),
    r"(?:we|the editors) (?:regret|apologi[sz]e for) the error|has since been corrected",
    (
        r"(?:в|из) (?:предыдущей|ранней|первоначальной|прежней) верси[ией] "
        r"(?:этого |этой |данного |данной )?(?:текста|стать[иея]|материала|новости|публикации)"
    ),
    r"(?:ранее|раньше|первоначально) в (?:тексте|статье|материале|публикации|новости)",
    r"(?:приносим|редакция приносит) (?:свои )?извинения (?:читателям )?за (?:ошибку|неточность)",
    (
        r"in einer (?:früheren|ersten|vorherigen|vorigen|ursprünglichen) (?:version|fassung) "
        r"(?:dieses|des) (?:artikels|textes|beitrags|berichts)|wir haben (?:den fehler|das) "
        r"korrigiert"
    ),
    r"une (?:première|précédente) version de (?:cet article|ce texte)",
    r"une version (?:précédente|antérieure|initiale) de (?:cet article|ce texte)",
    r"(?:cet article|ce texte) a été (?:corrigé|rectifié|modifié pour corriger)",
    (
        r"(?:en )?una versión (?:anterior|previa|inicial) de (?:este|esta) "
        r"(?:artículo|texto|nota|noticia|información)|(?:este artículo|esta nota|esta noticia) "
        r"ha sido (?:corregid[oa]|rectificad[oa])"
    ),
    (
        r"(?:em )?uma versão (?:anterior|prévia|inicial) (?:deste|desta) "
        r"(?:artigo|texto|reportagem|matéria|notícia)|versão anterior deste"
    ),
    r"(?:in )?una (?:precedente|prima) versione di quest(?:o|'|a) ?(?:articolo|testo|notizia)",
    r"una versione precedente di quest(?:o|'|a) ?(?:articolo|testo|notizia)",
    r"in een eerdere versie van dit (?:artikel|bericht|stuk)",
    r"we? (?:wcześniejszej|poprzedniej|pierwotnej) wersji (?:tego )?(?:artykułu|tekstu|materiału)",
    r"[ув] (?:попередній|ранішій|первісній) версії (?:цього |цієї )?(?:тексту|статті|матеріалу)",
    r"(?:bu )?haberin (?:önceki|ilk) (?:halinde|versiyonunda|sürümünde)",
    r"(?:мақаланың|материалдың|мәтіннің) (?:алдыңғы|бұрынғы|алғашқы) нұсқасында",
    r"(?:макаланын|материалдын|тексттин) (?:мурунку|алгачкы) (?:версиясында|вариантында)",
    r"(?:maqolaning|xabarning|materialning) (?:oldingi|avvalgi|dastlabki) (?:versiyasi|talqini)da",
    r"дар (?:нусхаи|варианти|матни) (?:пешина|аввалия|қаблӣ)и? (?:мақола|хабар|матлаб)",
    r"(?:في|ورد في) نسخة سابقة من هذا (?:المقال|التقرير|الخبر)",
    r"در نسخه (?:قبلی|پیشین|اولیه) این (?:مقاله|گزارش|خبر|مطلب)",
    r"(?:本文|此文|本报道|本報導)(?:的)?(?:早前|早期|先前|之前|较早)(?:的)?版本",
    r"(?:この|本)記事の(?:以前|当初|初期|旧)の?(?:版|バージョン)",
)

# How long ago something was published or changed. A clock moves it, not the editors.
AGES: Final = (
    r"\d+ ?(?:seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|months?|years?) ago",
    r"(?:an?|one) (?:minute|hour|day|week|month|year) ago|just now|moments? ago|yesterday|today",
    r"\d+ ?(?:секунд\w*|сек|минут\w*|мин|час\w*|дн\w*|день|недел\w*|месяц\w*) назад|только что",
    r"vor (?:\d+|einer|einem) ?(?:sekunden?|minuten?|min|stunden?|std|tag(?:en)?|wochen?)",
    r"il y a (?:\d+|un|une) ?(?:secondes?|minutes?|min|heures?|h|jours?|semaines?|mois)",
    r"hace (?:\d+|un|una) ?(?:segundos?|minutos?|min|horas?|h|días?|semanas?|mes(?:es)?)",
    r"há (?:\d+|um|uma) ?(?:segundos?|minutos?|min|horas?|h|dias?|semanas?|mes(?:es)?)",
    r"(?:\d+|un|un'|una) ?(?:second[oi]|minut[oi]|min|or[ae]|giorn[oi]|settiman[ae]|mes[ei]) fa",
    r"(?:\d+|een) ?(?:seconden?|minuten|minuut|min|uur|uren|dag(?:en)?|we(?:ek|ken)) geleden",
    r"\d* ?(?:sekund\w*|sek|minut\w*|min|godzin\w*|godz|dni|dzień|tygod\w*) temu",
    r"\d+ ?(?:секунд\w*|хвилин\w*|хв|годин\w*|год|дн\w*|день|тижн\w*) тому|щойно",
    r"\d+ ?(?:saniye|dakika|dk|saat|gün|hafta|ay) önce|az önce",
    r"\d+ ?(?:секунд|минут|мин|сағат|күн|апта|ай) бұрын",
    r"\d+ ?(?:секунд|мүнөт|мин|саат|күн|жума|ай) мурун",
    r"\d+ ?(?:soniya|daqiqa|soat|kun|hafta|oy) (?:oldin|avval|ilgari)",
    r"\d+ ?(?:сония|дақиқа|соат|рӯз|ҳафта|моҳ) (?:пеш|қабл)",
    r"(?:منذ|قبل) (?:\d+ )?(?:ثانية|ثوان|دقيقة|دقائق|ساعة|ساعات|يوم|أيام|أسبوع)",
    r"\d+ ?(?:ثانیه|دقیقه|ساعت|روز|هفته) (?:پیش|قبل)",
    r"\d+ ?(?:秒钟?|分钟|分鐘|小时|小時|天|周)(?:之?前)|刚刚",
    r"\d+ ?(?:秒|分|時間|日|週間)前|たった今",
)
# Words that stand beside a number that readers move: views, comments, shares, reading time.
COUNTERS: Final = (
    (
        r"(?:page ?)?views?|reads?|readers|visits?|hits|likes?|shares?|comments?|reactions?|votes?|"
        r"claps|followers|watching|online|retweets?|min(?:ute)?s? read|reading time|read time|"
        r"min\.? to read"
    ),
    (
        r"просмотр\w*|прочтени\w*|прочитали|комментари\w*|лайк\w*|репост\w*|поделил\w*|"
        r"мин(?:ут\w*)? (?:на )?чтени[яе]|время (?:на )?чтени[яе]|читать \d+ мин\w*"
    ),
    r"aufrufe|ansichten|leser|kommentare?|teilen|min(?:uten)? lesezeit|lesezeit",
    r"vues?|lectures?|commentaires?|partages?|réactions?|min(?:utes)? de lecture|temps de lecture",
    (
        r"vistas?|visitas?|lecturas?|comentarios?|compartid[oa]s?|me gusta|"
        r"min(?:utos)? de lectura|tiempo de lectura"
    ),
    r"visualizaç\w+|leituras?|comentários?|partilhas?|curtidas|min(?:utos)? de leitura",
    r"visualizzazion[ei]|letture|comment[oi]|condivision[ei]|minut[oi] di lettura",
    r"keer (?:bekeken|gelezen)|weergaven|reacties?|leestijd|min(?:uten)? leestijd",
    r"wyświetle\w*|odsłon\w*|komentarz\w*|udostępnie\w*|czas czytania|min czytania",
    r"перегляд\w*|прочитан\w*|коментар\w*|вподобан\w*|хв читання|час читання",
    r"görüntülenme|okunma|okuma süresi|yorum|beğeni|paylaşım|dk okuma",
    r"қаралым|қаралды|оқылды|пікір(?:лер)?|бөлісу",
    r"көрүүлөр|көрүлдү|окулду|комментарий\w*",
    r"ko'rildi|ko'rishlar|marta ko'rilgan|o'qildi|izoh(?:lar)?|кўрилди|марта кўрилган",
    r"тамошо|дида шуд|хонда шуд|шарҳ(?:ҳо)?|назар(?:ҳо|от)?",
    r"مشاهدات?|مشاهدة|قراءة|قراءات|تعليقات?|تعليق|مشاركات?|إعجاب",
    r"بازدید|نظر(?:ات)?|دیدگاه|دقیقه مطالعه|زمان مطالعه",
    r"浏览|瀏覽|阅读|閱讀|评论|評論|点赞|點讚|转发|次",
    r"回(?:視聴|表示|閲覧)|閲覧|コメント|いいね|件|シェア",
)
# Words that begin a line with the time of a publication or of its last change.
STAMPS: Final = (
    r"(?:last |first )?(?:updated?|modified|published|posted|edited|revised)(?: on| at)?",
    r"обновлен[оа]?|обновлён|изменен[оа]?|изменён|опубликован[оа]?|дата|добавлено",
    r"последнее обновление",
    r"(?:aktualisiert|zuletzt aktualisiert|geändert|veröffentlicht|stand)(?: am| um)?",
    r"(?:mis à jour|mise à jour|modifié|publié)(?: le| à)?",
    r"(?:actualizad[oa]|última actualización|modificad[oa]|publicad[oa])(?: el| a las)?",
    r"(?:atualizad[oa]|última atualização|modificad[oa]|publicad[oa])(?: em| às)?",
    r"(?:aggiornat[oa]|ultimo aggiornamento|modificat[oa]|pubblicat[oa])(?: il| alle)?",
    r"(?:bijgewerkt|laatst bijgewerkt|gewijzigd|gepubliceerd|laatste update)(?: op| om)?",
    r"(?:aktualizacja|zaktualizowano|ostatnia aktualizacja|opublikowano|data publikacji)",
    r"(?:оновлено|останнє оновлення|змінено|опубліковано)",
    r"(?:güncelleme|güncellendi|son güncelleme|yayınlan(?:ma|dı)\w*|giriş(?: tarihi)?)",
    r"güncellenme(?: tarihi)?",
    r"(?:жаңартылды|жарияланды|соңғы жаңарту)",
    r"(?:жаңыланды|жарыяланды|акыркы жаңыртуу)",
    r"(?:yangilandi|yangilangan|e'lon qilindi|chop etilgan|янгиланди|эълон қилинди)",
    r"(?:навсозӣ|навсозӣ шуд|нашр шуд|интишор)",
    r"(?:آخر تحديث|تم التحديث|تحديث|نشر في|تاريخ النشر)",
    r"(?:به ?روزرسانی|آخرین به ?روزرسانی|تاریخ انتشار|منتشر شده)",
    r"(?:更新于|更新時間|更新时间|最后更新|发布时间|發布時間|发布于)",
    r"(?:更新|最終更新|公開|配信)(?:日時?)?",
)
# Words of magnitude: another one is another number.
MAGNITUDES: Final = re.compile(
    r"(?:hundreds?|thousands?|m[iy]l?l?[iy]?[oó]n\w*|millionen|milli?ard\w*|millions?|"
    r"b[iy]ll?[iy]?[oó]n\w*|tr[iy]ll?[iy]?[oó]n\w*|milh\w+|bilh\w+|trilh\w+|mili[oa]n\w*|"
    r"mil[iy]a?rd\w*|milyar|miljoe?n\w*|miljard\w*|dozens?|тысяч\w*|тыс|миллион\w*|млн|"
    r"миллиард\w*|млрд|триллион\w*|трлн|сот\w*|тисяч\w*|мільйон\w*|мільярд\w*|мың|миң|минг|"
    r"ҳазор\w*|ming|mln|mlrd|bn|tn|tausend|mille|mil|duizend|tysi[ąę]c\w*|"
    r"مليون\w*|مليار\w*|ألف|آلاف|میلیون|میلیارد|هزار|[百千万萬亿億兆])",
    re.IGNORECASE,
)


def _any_of(patterns: tuple[str, ...]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


CORRECTION_LABEL: Final = re.compile(rf"\W{{0,3}}(?:{_any_of(CORRECTION_LABELS)})", re.IGNORECASE)
CORRECTION_SENTENCE: Final = re.compile(_any_of(CORRECTION_SENTENCES), re.IGNORECASE)
AGE: Final = re.compile(rf"(?<!\w)(?:{_any_of(AGES)})(?!\w)", re.IGNORECASE)
COUNTER: Final = re.compile(_any_of(COUNTERS), re.IGNORECASE)
STAMP: Final = re.compile(rf"\W{{0,3}}(?:{_any_of(STAMPS)})(?!\w)", re.IGNORECASE)
