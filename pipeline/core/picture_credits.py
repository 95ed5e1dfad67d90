"""The credit at the end of a picture's caption: "Photo: Ivo Brandt", "Фото: архив редакции".

The label has a capital letter, because a sentence may mention a photo, and a name is short.
"""

from __future__ import annotations

import re

LABELS = (
    "Photos?|Photographs?|Photography|Images?|Pictures?|Illustration|Photo credit|Image credit"
    "|Credit|Фото|Фотографи[яи]|Иллюстрация|Снимок|Суратҳо|Сурат|Акс|Surat|Foto|Fotos|Bild|Bilder"
    "|Сүрөт|Сурет|Zdjęcie|Fot|Crédit photo|Imagen|Immagine"
)
CREDIT_MARKS = (":", "/", "©", "：", " by ", " courtesy of ")  # one of them follows the label
CREDIT = re.compile(
    rf"(?:^|[.!?…»”)\]|/]\s*|\()(?P<credit>(?:{LABELS})(?: (?:by|courtesy of)|"
    rf"\s*[:：/©])\s*[\w@©«“\"(][^.!?:]{{1,60}}\.?\)?)$"
)
