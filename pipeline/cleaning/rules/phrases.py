"""Wordings of the lines around a story, in many languages: data for the rules.

The patterns match a whole normalized line (with `fullmatch`), so neither case nor punctuation at
its ends matters. They name no publication. A phrase belongs here when it cannot be a line of a
story in its language.
"""

from __future__ import annotations

import re

# Leads to a list of other stories: "All news", "Read also".
MORE = (
    # English
    (
        r"(?:see |view |read |show |browse |our )?(?:all|more|latest|other|recent|top|related|"
        r"similar|"
        r"popular|trending|most read|most popular|today's|must[- ]reads?|recommended|"
        r"further)(?: (?:the|"
        r"our|of|top|latest|related|recommended|local|world|popular|breaking))* (?:news|stories|"
        r"articles|"
        r"headlines|posts|topics|content|reading|coverage|reads|links|videos|updates|stor(?:y|"
        r"ies))(?: (?:from|in|on|about|by|for|of) .{1,40})?"
    ),
    r"more (?:from|on|in|about|by) .{1,40}",
    (
        r"(?:read|see|learn|find out|show|load|view|discover) (?:more|also|next|on|all|"
        r"full (?:story|"
        r"article))(?: (?:here|now|stories|news|articles|comments|posts))?"
    ),
    (
        r"(?:also (?:read|see|on .{1,30})|you (?:may|might) (?:also )?(?:like|be interested in|"
        r"have missed|want to read|enjoy)(?: these.*)?|don't miss|related|recommended(?: for you)?|"
        r"more like this|what to read next|up next|in case you missed it|editor'?s'? (?:picks?|"
        r"choice)|"
        r"from our (?:partners|network)|sponsored(?: content| stories| links)?|promoted(?: stories|"
        r" content)?|around the web|continue reading(?: below)?|back to (?:top|home|news)|"
        r"previous (?:article|story|post)|next (?:article|story|post)|"
        r"story continues below(?: advertisement)?|article continues below(?: advertisement)?|"
        r"most (?:read|viewed|popular|shared|commented)|trending(?: now)?|the latest|top stories|"
        r"breaking news|share this (?:story|article|post|page)|click (?:here )?(?:to|for) (?:read|"
        r"see|"
        r"view|more).{0,40})"
    ),
    # Russian
    (
        r"(?:все|другие|последние|свежие|главные|похожие|популярные|ещ[её]|больше|смежные|"
        r"связанные|самые|"
        r"топ)(?: (?:самые|последние|главные|читаемые|популярные|свежие|другие))* (?:новости|"
        r"статьи|"
        r"материалы|публикации|записи|темы|заголовки|читаемое|новостей|статей)(?: (?:по теме|"
        r"раздела|"
        r"рубрики|дня|часа|недели|сайта|из рубрики.*|за .{1,20}|на эту тему))?"
    ),
    (
        r"(?:чита(?:йте|ть|й)|смотри(?:те)?|см|узнайте|узнать)(?: (?:также|ещ[её]|далее|дальше|"
        r"больше|"
        r"подробнее|по теме|полностью|так же|нас|все|весь материал|на эту тему|другие новости|"
        r"новости))+"
    ),
    (
        r"(?:подробнее|далее|по теме|материалы по теме|новости по теме|ещ[её] по теме|"
        r"рекомендуем(?: (?:почитать|прочитать|также))?|вам (?:может быть интересно|"
        r"будет интересно|"
        r"может понравиться)|популярное|самое читаемое|самое популярное|лента новостей|"
        r"новости партн[её]ров|партн[её]рские материалы|лента|сейчас читают|выбор редакции|"
        r"предыдущая (?:новость|статья|запись)|следующая (?:новость|статья|запись)|"
        r"к списку новостей|"
        r"вернуться к списку.*|назад к списку.*|поделиться(?: (?:новостью|статьей|в соц.*))?|"
        r"показать ещ[её]|загрузить ещ[её])"
    ),
    # Tajik
    (
        r"(?:ҳамаи|дигар|охирин|боз|тамоми|муҳимтарин|маводи) ?(?:хабар(?:ҳо|ҳои)|навгониҳо|"
        r"матолиб|"
        r"маводҳо|мақолаҳо|мавзӯъ)?(?: (?:дигар|рӯз|муҳим|марбута|охирин))?"
    ),
    (
        r"(?:хабарҳои (?:дигар|охирин|нав|марбут|муҳим|рӯз|тоза|боло)|хабарҳо|матолиби (?:марбут|"
        r"дигар)|"
        r"маводи (?:марбута|мавзӯъ|дигар)|мақолаҳои (?:дигар|монанд)|инро ҳам хонед|"
        r"ин(?:ро)? низ хонед|"
        r"ҳамчунин (?:бихонед|хонед)|муфассал(?:тар)?|идомааш|бештар(?: хонед| бихонед)?|"
        r"хондани идома|"
        r"дар ин мавзӯъ|вобаста ба ин(?: мавзӯъ)?)"
    ),
    # Uzbek, both scripts
    (
        r"(?:barcha|boshqa|so['ʻ‘’`]?nggi|oxirgi|eng so['ʻ‘’`]?nggi|ko['ʻ‘’`]?proq|mashhur|"
        r"o['ʻ‘’`]?xshash|mavzuga oid|mavzuga doir) (?:yangiliklar|xabarlar|maqolalar|materiallar)"
    ),
    (
        r"(?:batafsil|davomi(?:ni o['ʻ‘’`]?qish)?|shuningdek,? o['ʻ‘’`]?qing|o['ʻ‘’`]?qing|"
        r"mavzuga oid|"
        r"yangiliklar lentasi|ko['ʻ‘’`]?p o['ʻ‘’`]?qilgan(?:lar)?|tavsiya etamiz)"
    ),
    (
        r"(?:барча|бошқа|сўнгги|охирги|энг сўнгги|кўпроқ) (?:янгиликлар|хабарлар|мақолалар)|"
        r"(?:батафсил|"
        r"шунингдек,? ўқинг|мавзуга оид|кўп ўқилган(?:лар)?)"
    ),
    # Kazakh, Kyrgyz
    (
        r"(?:барлық|басқа|соңғы|өзге|ұқсас|танымал) (?:жаңалықтар|жаңалық|мақалалар|хабарлар)|"
        r"(?:толығырақ|толық оқу|тағы(?:да)? оқыңыз(?:дар)?|оқи отырыңыз|сондай-ақ оқыңыз|"
        r"тақырыпқа қатысты|ең көп оқылған(?:дар)?)"
    ),
    (
        r"(?:бардык|башка|акыркы|соңку|окшош) (?:жаңылыктар|кабарлар|макалалар)|(?:толугу менен|"
        r"кененирээк|дагы окуңуз|ошондой эле окуңуз|караңыз)"
    ),
    # Ukrainian, German, French, Spanish, Portuguese, Italian, Polish, Turkish, Persian, Arabic,
    # Greek, Chinese
    (
        r"(?:усі|всі|інші|останні|більше) (?:новини|статті)|читайте також|дивіться також|за темою|"
        r"детальніше"
    ),
    (
        r"(?:mehr|weitere|alle|aktuelle|ähnliche|verwandte)(?: (?:zum|zu diesem))? (?:nachrichten|"
        r"meldungen|artikel|themen|thema|beiträge|news)(?: .{1,30})?|lesen sie auch|lesen sie mehr|"
        r"auch interessant|das könnte (?:sie|dich) (?:auch )?interessieren|weiterlesen|"
        r"meistgelesen|"
        r"zur startseite"
    ),
    (
        r"(?:lire|voir|à lire|à voir) (?:aussi|également|la suite|plus)|à lire aussi|"
        r"sur le même (?:sujet|"
        r"thème)|toutes les actualités|plus d'(?:articles|actualités|infos)|les plus lus|"
        r"articles (?:liés|"
        r"similaires|recommandés)|en savoir plus"
    ),
    (
        r"(?:leer|lea|ver|lee) (?:también|más|además)|(?:más|otras|últimas|todas las) (?:noticias|"
        r"artículos)|(?:noticias|artículos|contenido) relacionad[oa]s?|te puede interesar|"
        r"lo más (?:leído|"
        r"visto)|también te puede interesar"
    ),
    (
        r"(?:leia|ler|veja|confira) (?:também|mais)|(?:mais|outras|últimas|todas as) notícias|"
        r"(?:notícias|"
        r"artigos|matérias) relacionad[oa]s|saiba mais|mais lidas"
    ),
    (
        r"leggi (?:anche|tutto|di più)|(?:altre|tutte le|ultime) (?:notizie|news)|(?:articoli|"
        r"notizie) correlat[ie]|potrebbe(?:ro)? interessarti(?: anche)?|i più letti"
    ),
    (
        r"(?:czytaj|zobacz|przeczytaj|sprawdź) (?:też|także|również|więcej|dalej)|(?:więcej|"
        r"wszystkie|"
        r"najnowsze|pozostałe|inne) (?:wiadomości|artykuły|informacji|newsy)|(?:powiązane|"
        r"podobne) (?:artykuły|tematy)|polecamy|najczęściej czytane"
    ),
    (
        r"(?:tüm|diğer|son|ilgili|benzer) haberler|(?:ayrıca )?okuyun|devamını oku|"
        r"ilginizi çekebilir|"
        r"en çok okunan(?:lar)?"
    ),
    (
        r"(?:همه|دیگر|آخرین|تازه‌?ترین) ?(?:اخبار|خبرها)|بیشتر بخوانید|مطالب مرتبط|اخبار مرتبط|"
        r"ادامه مطلب|"
        r"اقرأ (?:أيضا|أيضًا|المزيد)|(?:المزيد من|آخر|كل) الأخبار|مواضيع (?:ذات صلة|متعلقة)"
    ),
    (
        r"διαβάστε (?:επίσης|ακόμα|ακόμη|περισσότερα|και)|δείτε (?:επίσης|ακόμα|ακόμη|και)|"
        r"(?:όλες οι|"
        r"τελευταίες|περισσότερες|σχετικές|άλλες) ειδήσεις|σχετικά (?:άρθρα|θέματα)|περισσότερα"
    ),
    (
        r"相关(?:新闻|阅读|文章|链接|报道|内容|推荐|专题|稿件)|更多(?:新闻|精彩|内容|报道|文章|阅读)?|推荐(?:阅读|新闻)|热点(?:新闻|推荐)|(?:上|"
        r"下)一(?:篇|"
        r"条)|阅读(?:全文|更多)|延伸阅读|最新(?:新闻|消息)|新闻排行|返回(?:首页|顶部|列表)|進一步閱讀|相關(?:新聞|文章|閱讀)|更多(?:新聞|文章)|"
        r"延伸閱讀|"
        r"関連(?:記事|ニュース)|もっと(?:見る|読む)|続きを読む|관련 ?기사|더 ?보기"
    ),
)

# Leads with its headline on the same line: "Read also: Mayor opens bridge".
LEADS = (
    (
        r"(?:read|see|also read|read also|read more|related|related (?:article|story|stories|news)|"
        r"more|"
        r"see also|also see|watch|don't miss|must read|recommended|more on this|next)"
    ),
    (
        r"(?:читайте(?: также| ещ[её])?|смотрите(?: также)?|по теме|ещ[её] по теме|подробнее|"
        r"читать(?: также| далее)?|материал по теме|см\. также)"
    ),
    (
        r"(?:инро ҳам хонед|ҳамчунин (?:бихонед|хонед)|хабари марбута|муфассал)|"
        r"(?:shuningdek,? o['ʻ‘’`]?qing|mavzuga oid|batafsil)|(?:тағы оқыңыз|сондай-ақ оқыңыз)|"
        r"(?:дагы окуңуз)"
    ),
    (
        r"(?:читайте також|lesen sie auch|mehr zum thema|à lire aussi|lire aussi|leer también|"
        r"lea también|"
        r"lee también|leia também|leggi anche|czytaj (?:też|także|również|więcej)|zobacz (?:też|"
        r"także|"
        r"również)|ilgili haber|διαβάστε επίσης|بیشتر بخوانید|اقرأ أيضا|"
        r"相关(?:阅读|新闻|链接)|延伸阅读|関連記事)"
    ),
)

NETWORK = (
    r"(?:share|tweet|print|e-?mail|save|pin|copy link|whatsapp|facebook|twitter|telegram|reddit|"
    r"linkedin|pinterest|"
    r"instagram|flipboard|viber|vk|ok)"
)

# Asks the reader for something: log in, subscribe, follow, accept, share, comment.
PROMPTS = (
    # English
    (
        r"(?:please |you (?:must|need to|have to) (?:be )?|you are not )?(?:log(?:ged)?[ -]?in|"
        r"sign(?:ed)?[ -]?(?:in|up)|register(?:ed)?|authori[sz]e|log on|"
        r"create an account)(?: (?:or|and|"
        r"/) (?:log[ -]?in|sign[ -]?(?:in|up)|register|create an account|subscribe))?(?: (?:to|for|"
        r"with|"
        r"here|now|below|using).{0,60})?"
    ),
    (
        r"(?:please |you can |join .{1,30} and )?(?:subscribe (?:to|for|now|today|here|on|via)|"
        r"(?:follow|"
        r"join|like|find|add|connect with|get) (?:us|our)|follow (?:me|the author|@\S+|"
        r"\S+(?: \S+){0,3} on (?:twitter|facebook|instagram|telegram|x|youtube|tiktok|threads|"
        r"linkedin|"
        r"google)))(?:[ ,].{0,90})?"
    ),
    (
        r"(?:do you |did you )?(?:like|love|enjoy(?:ed|ing)?)(?:d)? (?:this|our|"
        r"what you)(?: \S+){0,3}\W{0,3} ?"
        r"(?:please )?(?:share|subscribe|sign up|support|follow|tell|help).{0,70}"
    ),
    r"(?:listen (?:live )?to|tune in(?: to)?) .{1,50} live(?: .{0,80})?",
    (
        r"(?:get|receive|have) (?:the |our |all the |more |your )?(?:latest |daily |breaking |top |"
        r"best |"
        r"morning |free |weekly )*(?:news|stories|newsletters?|headlines|updates|alerts|"
        r"emails?)(?: .{0,60})?"
    ),
    r"(?:sign up|subscribe) .{0,100}(?:newsletter|e-?mail|inbox|alerts?|updates)s?.{0,30}",
    (
        r"(?:our|the|free|daily|weekly) newsletter|newsletters?(?: sign ?up)?|"
        r"enter your e-?mail(?: .{0,40})?|your e-?mail(?: address)?|subscribe(?: now| today)?|"
        r"follow us|"
        r"log ?in|sign ?(?:in|up)|register(?: now)?|thank you for (?:subscribing|reading|"
        r"your).{0,60}|"
        r"thanks for (?:subscribing|reading).{0,40}"
    ),
    (
        r"(?:we|this (?:web)?site|our (?:web)?site|"
        r".{1,30} and its partners) uses? (?:of )?cookies?.{0,200}|(?:by (?:continuing|using|"
        r"clicking|"
        r"browsing|signing up|subscribing|submitting)).{0,60}(?:you (?:agree|accept|consent)|"
        r"cookies).{0,160}|(?:accept|reject|allow|manage|decline)(?: (?:all|my|only|necessary|"
        r"essential))* ?(?:cookies|preferences)?(?: settings)?|cookie (?:policy|settings|"
        r"preferences|"
        r"notice|consent)"
    ),
    (
        r"(?:leave|post|add|write|submit|view|read|show|join|be the first to|have your say|"
        r"hide)(?: (?:a|"
        r"your|the|all|to))* ?(?:comments?|reply|conversation|discussion)(?: .{0,30})?|"
        r"comments?(?: (?:are|is) (?:now )?(?:closed|disabled|off).{0,30})?|\d+ comments?|"
        r"no comments(?: yet)?|your e-?mail address will not be published.*|"
        r"required fields are marked.*"
    ),
    (
        # A separator that no word contains follows each word, so the match is linear in the line.
        rf"{NETWORK}(?:[ ,/|·•]+(?:{NETWORK}|this|story|article|post|page|on|via|to|with|by|a|"
        rf"friend|link|now|x))*"
    ),
    (
        r"(?:advertisement|advertising|ad|sponsored|promoted|paid content)"
        r"(?:[ –—:·|-]{1,3}(?:continue|feedback|below|scroll|story|article).{0,30})?|"
        r"(?:scroll|swipe) (?:down |left |right )?(?:to|for).{0,40}|skip (?:to|"
        r"past|"
        r"ad).{0,40}|click here(?: to .{1,60})?|download (?:our|the) .{0,20}app.{0,40}|"
        r"(?:please )?(?:enable|turn on) javascript.{0,60}|javascript (?:is|must be) .{0,60}|"
        r"your browser (?:does not|doesn't|is).{0,80}|(?:image|photo) \d+ of \d+|loading|close|"
        r"open in (?:new window|app)|to (?:see|view|read|continue|access) .{0,60}(?:subscribe|"
        r"log ?in|"
        r"sign ?in|register)"
    ),
    # Russian
    (
        r"(?:пожалуйста,? )?(?:авторизуйтесь|войдите|зарегистрируйтесь|авторизоваться|войти|вход|"
        r"зарегистрироваться|регистрация)(?:,? (?:пожалуйста|или|и|чтобы|на сайт|через|в|для|с|"
        r"войдите|"
        r"зарегистрируйтесь|зарегистрироваться|войти).{0,80})?"
    ),
    (
        r"(?:чтобы|для того,? чтобы|что бы) .{1,60}(?:войдите|авторизуйтесь|зарегистрируйтесь|"
        r"необходимо (?:войти|авторизоваться|зарегистрироваться)|нужно (?:войти|"
        r"авторизоваться)).{0,40}"
    ),
    (
        r"(?:подпис(?:ывайтесь|аться|ывайся|шитесь|ка)|подпишитесь|присоединяйтесь|следите за|"
        r"следите за нами|читайте нас|мы в|оставайтесь|будьте в курсе|добавьте|установите|скачайте|"
        r"жми(?:те)?)(?:(?: (?:на|к|за|в|с|нас|наш|нашими|нами|наши|новостями|самыми|и|первыми|"
        r"приложение|"
        r"мобильное|свежими|последними)).{0,110})?"
    ),
    (
        r"(?:мы|сайт|этот сайт|наш сайт) (?:используем|использует) (?:файлы )?cookies?.{0,200}|"
        r"(?:продолжая|используя|нажимая|оставаясь).{0,80}(?:соглаш|cookie|согласие).{0,160}|"
        r"принять(?: все)?(?: cookies?)?|политика (?:конфиденциальности|cookie)"
    ),
    (
        r"(?:оставить|добавить|написать|показать|читать|посмотреть|все|нет|"
        r"отправить) (?:комментари[йяиев]+|отзыв)|комментари(?:и|ев)(?: (?:\d+|закрыты|отсутствуют|"
        r"нет))?|"
        r"комментировать|обсудить(?: .{0,30})?|ваш (?:e-?mail|комментарий|адрес email).{0,60}|"
        r"обязательные поля помечены.*"
    ),
    (
        r"(?:реклама|на правах рекламы|распечатать|версия для печати|поделиться|поделитесь .{0,60}|"
        r"нравится|загрузка|наверх|отправить|(?:если вы )?(?:нашли|заметили|обнаружили) (?:ошибку|"
        r"опечатку).{0,120}|нашли ошибку)"
    ),
    # Tajik
    (
        r"(?:лутфан,? )?(?:ворид шавед|ба система ворид шавед|ба ҳисоби худ ворид шавед|"
        r"сабти ном (?:шавед|кунед)|воридшавӣ|даромадан|бақайдгирӣ)(?:,? (?:лутфан|то|барои|ва|ё|"
        r"ба).{0,60})?"
    ),
    (
        r"(?:ба )?(?:мо|моро|саҳифаи мо|канали мо|каналҳои мо|телеграм\S*|"
        r"бо мо).{0,60}(?:обуна шавед|"
        r"пайравӣ кунед|пайгирӣ кунед|бипайвандед|ҳамроҳ шавед|пайвандед|бошед)|обуна (?:шавед|"
        r"шудан)(?: .{0,60})?|"
        r"(?:назар|шарҳ)(?:и худро)? ?(?:гузоред|нависед|диҳед)|шарҳҳо|реклама|эълон"
    ),
    # Uzbek, both scripts
    (
        r"(?:iltimos,? )?(?:tizimga kiring|ro['ʻ‘’`]?yxatdan o['ʻ‘’`]?ting|kirish|"
        r"avtorizatsiyadan o['ʻ‘’`]?ting)(?:,? .{0,60})?|(?:fikr|izoh) (?:qoldiring|"
        r"bildirish|qoldirish|yozing)|reklama|izohlar"
    ),
    (
        r"(?:илтимос,? )?(?:тизимга киринг|рўйхатдан ўтинг|кириш)(?:,? .{0,60})?|(?:фикр|"
        r"изоҳ) (?:қолдиринг|билдириш)|изоҳлар"
    ),
    # Kazakh, Kyrgyz
    (
        r"(?:өтінеміз,? )?(?:жүйеге кіріңіз|тіркеліңіз|кіру|авторизациядан өтіңіз)(?:,? .{0,60})?|"
        r"(?:пікір|түсініктеме) (?:қалдыру|қалдырыңыз|жазу)|пікірлер|жарнама"
    ),
    (
        r"(?:сураныч,? )?(?:системага кириңиз|катталыңыз|кирүү|каттоо)(?:,? .{0,60})?|"
        r"(?:пикир|комментарий) (?:калтыруу|калтырыңыз|"
        r"жазуу)|жарнама|жарыя"
    ),
    # Other large languages
    (
        r"(?:увійдіть|підпис(?:уйтесь|атися|уйся)|підпишіться|приєднуйтесь)(?: .{0,90})?|реклама|"
        r"коментарі"
    ),
    (
        r"(?:bitte )?(?:melden sie sich an|anmelden|registrieren|einloggen|jetzt (?:anmelden|"
        r"abonnieren|"
        r"registrieren))(?: .{0,60})?|(?:abonnieren|folgen) sie (?:uns|unseren?).{0,60}|"
        r"newsletter abonnieren|anzeige|werbung|kommentare?(?: schreiben)?|wir (?:verwenden|"
        r"nutzen) cookies.{0,160}|drucken|teilen"
    ),
    (
        r"(?:abonnez-vous|inscrivez-vous|connectez-vous|suivez-nous|se connecter|s'inscrire|"
        r"s'abonner)(?: .{0,90})?|nous utilisons des cookies.{0,160}|publicité|"
        r"partager(?: .{0,30})?|"
        r"imprimer|commentaires?|laisser un commentaire"
    ),
    (
        r"(?:suscr[ií]b(?:e|a)(?:te|se)|inicia(?:r)? sesión|reg[ií]str(?:ate|ese|arse)|síguenos|"
        r"síganos|"
        r"sigue a .{1,30} en)(?: .{0,90})?|(?:utilizamos|usamos) cookies.{0,160}|publicidad|"
        r"compartir(?: .{0,30})?|imprimir|comentarios?|deja(?:r)? (?:un|tu) comentario"
    ),
    (
        r"(?:inscreva-se|assine|faça (?:o )?login|cadastre-se|siga-nos|entre (?:no|"
        r"em) (?:nosso )?(?:canal|grupo))(?: .{0,90})?|publicidade|compartilhar|deixe (?:um|"
        r"seu) comentário|comentários"
    ),
    (
        r"(?:iscriviti|accedi|registrati|seguici)(?: .{0,90})?|pubblicità|condividi(?: .{0,30})?|"
        r"stampa|"
        r"commenti|lascia un commento"
    ),
    (
        r"(?:zaloguj się|zarejestruj się|zapisz się|dołącz do|obserwuj nas|polub nas)(?: .{0,90})?|"
        r"reklama|podziel się(?: .{0,30})?|drukuj|komentarze|skomentuj|dodaj komentarz|udostępnij|"
        r"wyślij|"
        r"(?:ta strona|serwis|nasza strona) (?:używa|wykorzystuje|"
        r"korzysta z) (?:plików )?cookies?.{0,160}"
    ),
    (
        r"(?:giriş yap(?:ın)?|abone ol(?:un)?|üye ol(?:un)?|kayıt ol(?:un)?|"
        r"(?:bizi )?takip edin)(?: .{0,60})?|reklam|yorum(?:lar| yap|"
        r" yazın)?|paylaş"
    ),
    (
        r"(?:وارد شوید|ثبت نام کنید|عضو شوید|ما را .{0,40}دنبال کنید|اشترك|سجل الدخول|تابعونا|"
        r"تابعنا)(?: .{0,60})?|نظرات|ارسال نظر|إعلان|تعليقات|شارك"
    ),
    (
        r"(?:συνδεθείτε|εγγραφείτε|ακολουθήστε|κάντε like)(?: .{0,90})?|σχόλια|εκτύπωση|διαφήμιση|"
        r"κοινοποίηση|αποστολή(?: .{0,20})?"
    ),
    (
        r"(?:请|立即)?(?:登录|注册|登陆)(?:后.{0,20})?|(?:关注|扫码|订阅)(?:我们|.{0,20}(?:公众号|微信|微博)).{0,20}|分享(?:到|"
        r"至)?.{0,20}|(?:发表|查看|我要)?评论(?:\(\d+\))?|打印(?:本页|本文)?|收藏(?:本文|本页)?|关闭(?:窗口)?|广告|(?:大|中|小)|"
        r"字号.{0,8}|我来说两句|責任編輯.{0,12}|责任编辑.{0,12}|编辑:?.{0,8}"
    ),
)

# The same after any other words. They are costly to search for, so they are tried only on lines
# with one of these endings.
PROMPT_ENDINGS = (
    "шавед",
    "гардед",
    "ling",
    "ring",
    "линг",
    "ринг",
    "ңыз",
    "ңуз",
    "дар",
    "olun",
    "edin",
)
PROMPTS_AFTER_WORDS = (
    r".{0,40}(?:канал|саҳифа|телеграм|telegram).{0,50}обуна (?:шавед|гардед)",
    r".{0,60}(?:obuna bo['ʻ‘’`]?ling|a['ʻ‘’`]?zo bo['ʻ‘’`]?ling|kuzatib boring|qo['ʻ‘’`]?shiling)",
    r".{0,60}(?:обуна бўлинг|аъзо бўлинг|кузатиб боринг|қўшилинг)",
    r".{0,70}(?:жазылыңыз(?:дар)?|қосылыңыз(?:дар)?|бақылап отырыңыз|кошулуңуз(?:дар)?)",
    r".{0,50}(?:abone olun|takip edin)",
)

# One of them stands in all that CONSENT finds, which is costly to search for.
CONSENT_STEMS = (
    "cookie", "consent", "privacy", "data protection", "персональн", "gdpr", "einwilligung",
    "datenschutz", "aceptar", "partner", "legitimate interest",
)  # fmt: skip
CONSENT = re.compile(
    r"\bcookies?\b|\bconsent\b|privacy (?:policy|settings|preferences)|data protection|"
    r"персональн\w+ данн|\bGDPR\b|"
    r"einwilligung|datenschutz|consentement|aceptar|we value your privacy|(?:our|"
    r"with) \d* ?partners|legitimate interest",
    re.I,
)


def _whole(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


MORE_LINE = _whole(MORE)
PROMPT_LINE = _whole(PROMPTS)
PROMPT_AFTER_WORDS = _whole(PROMPTS_AFTER_WORDS)
LEAD_LINE = re.compile(f"(?:{'|'.join(LEADS)})" + r"\s*[:：\-–—|]\s+\S.*")

# A label of tags with its list: "Tags: bridge, harbour".
TAGS = (
    (
        r"tags?|tagged(?: (?:as|with|in|under))?|keywords?|key ?words|topics?|filed under|"
        r"posted in|"
        r"categor(?:y|ies)"
    ),
    r"теги?|метки?|ключевые слова|рубрик[аи]|темы?|категори[яи]|тэги?",
    r"барчаспҳо?|тегҳо|калидвожаҳо|мавзӯъҳо",
    r"teglar|mavzular|teg(?:i|ler)|тегтер|белгилер|тегтер мен белгілер|кілт сөздер",
    (
        r"schlagw(?:ort|örter)|stichw(?:ort|örter)|mots[- ]clés|étiquettes|etiquetas|"
        r"palabras clave|"
        r"tagi|etichette|parole chiave"
    ),
)
TAGS_LINE = re.compile(rf"(?:{'|'.join(TAGS)})\s*[:：]\s*\S.*", re.I)
HASHTAGS = re.compile(
    r"(?:[^\W\d_][\w ]{1,30}[:：]\s*)?#\w[\w\- ]{0,40}(?:[\s,;|]+#\w[\w\- ]{0,40})+[\s,;|]*"
)
