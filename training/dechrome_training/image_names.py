"""Image placeholders as scrapers leave them, and content that looks like them: written from a seed, for training.

Everything is a template; ``§name`` stands for one draw from the field of that name, a template itself.
"""

from __future__ import annotations

import base64
import random
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Final

from dechrome.blocks import Label
from dechrome_training.corpus import OWN_LICENCE, OWN_SOURCE, Phrase
from dechrome_training.views import seeded

_FIELD: Final = re.compile(r"§([a-z]+)")
_WORDS: Final = (
    "harbour bridge autumn market recipe soup bread garden cat team office summit chart map poster hero cover header"
    " banner logo icon avatar portrait sunset mountain lake church museum concert stage kitchen table interior plan"
    " product shoe jacket bottle wheel engine bike train station airport storm flood fire school students lab figure"
    " diagram screenshot step detail front back left main large small final new old red blue news world sport election"
    " president minister court police rahmen wald hafen brücke küche fenster stadt verein maison jardin plage marché"
    " fromage château playa mercado puente iglesia receta torta mare strada ponte chiesa gatto praia festa most zamek"
    " rynek kolo strom vlak kuva talvi järvi skog fjord hytte kirke hund deniz kahve kedi cookies biscuits"
).split()
_FOREIGN: Final = (
    "фото озеро мост котик зима схема рисунок логотип обложка 写真 桜 駅前 画像 料理 图片 首页 产品 北京 合影"
    " 사진 제주도 로고 صورة الجسر شعار תמונה גשר לוגו εικόνα λιμάνι फोटो नदी ภาพ ทะเล გემი சித்திரம் ảnh-bìa hình-nền"
).split()
_SUFFIXES: Final = (
    "jpg jpg jpg jpg jpg jpg jpg jpg jpg png png png png png jpeg jpeg jpeg webp webp webp gif gif svg svg JPG JPG PNG"
    " JPEG avif bmp tif tiff heic HEIC ico jfif ARW NEF"
).split()
_MARKS: Final = (
    "image Image IMAGE img IMG photo Photo picture Picture figure Bild Foto Abbildung Datei Fichier Archivo imagen"
    " Imagen immagine Immagine imagem Imagem afbeelding Afbeelding bild billede bilde kuva obraz obrázek slika kép"
    " imagine изображение Фото Файл зображення снимка εικόνα resim görsel 画像 写真 图片 圖片 사진 이미지"
    " صورة تصویر תמונה चित्र ภาพ ảnh gambar File thumbnail icon logo pic screenshot Figure"
).split()
_NAMES: Final = """\
§slug
§slug
§slug
§slug§number
§slug@2x
§slug-scaled
§slug_thumb
§slug-1x1
§slug-16x9
§slug.drawio
IMG_§year§month§day_§clock
IMG-§year§month§day-WA§four
IMG_§four
IMG_§four
DSC§five
DSC_§four
DSCN§four
DSCF§four
P1§four§month
PXL_§year§month§day_§clock
§year§month§day_§clock
GOPR§four
DJI_§four
_MG_§four
SAM_§four
scan§four
IMG_§four (§digit)
IMG_§four-1024x683
WhatsApp Image §year-§month-§day at §month.§day.§day
Photo §digit-§digit-§year, §month §day §day
§shot §year-§month-§day§joint§month.§day.§day
Screenshot_§year§month§day-§clock
§hash
§hash
§code
§five§four_§five§five_n
§five§four§month
§short
§short
§short§number
§number
§foreign
§foreign-§number
§foreign §number
§foreign_§slug
§size
§width_q§quality
§width
§slug-§sizes
§slug-§sizes
§slug_§size
photo-§sizes
§sizes
§word §word §word
§title
§title (§digit)
§encoded
§word+§word
image§four
image-§number
unnamed
unnamed (§digit)
download
default
spacer
pixel
1x1
blank
loading
placeholder
Untitled-§number
figure_§number
fig§number
slide§number
avatar
§digit.§digit.§word
§digit.§number.§word§digit
page-§number""".split("\n")
_SHOTS: Final = """\
Screenshot
Screen Shot
Bildschirmfoto
Capture d’écran
Captura de pantalla
Schermata
Captura de Tela
Schermafbeelding
Skärmavbild
Skjermbilde
Zrzut ekranu
Snímek obrazovky
Снимок экрана
Знімок екрана
Ekran Resmi
スクリーンショット
屏幕截图
스크린샷""".split("\n")
_FOLDERS: Final = (
    "images img assets/img static/media uploads/2021/03 wp-content/uploads/2019/11 media files/styles/large pics"
    " ../images ./figures public photos/2018 sites/default/files/2020-05 content/img/blog fileadmin src/assets"
    " docs/_static graphics thumb/a/ab t_share,w_1200 packages/shop/src/icons help/C/figures"
).split()
_QUERIES: Final = (
    "?w=640 ?v=17 ?resize=300%2C200&ssl=1 ?width=1200&height=630&fit=crop ?auto=format&q=80 ?raw=true ?itok=aB3dE9"
    " ?1587312000 ?fit=1024%2C683 ?format=webp&s=ab12cd &name=large #thumb ?x-oss-process=resize,w_600"
).split()
_HOSTS: Final = (
    "https://cdn.example.com https://images.example.org http://static.example.net https://i0.wp.example.com"
    " //img.example.de https://media.example.co.uk http://www.example.fr //pbs.example.com https://example.ru"
).split()
_ALTS: Final = """\


§word §word §word
§title
§foreign
Two people at a table
Der Hafen bei Nacht
Le marché
Un gato
Старый мост
城市夜景
Figure §digit: §word
Screenshot of the §word
logo""".split("\n")
_PLACEHOLDERS: Final = """\
§name
§name
§name
§name
§name
§name
§name
§name
§path
§path
§path
§path
§address
§address
§address
![§alt](§place)
![§alt](§place)
![§alt](§place)
![§alt](§place "§alt")
[![§alt](§place)](§address)
![§alt][§digit]
[§mark: §name]
[§mark: §alt]
[§mark: §title]
[§mark: §place]
[§mark]
[§mark §number]
(§mark) §name
(§mark) §title
[[§mark:§name|thumb|§alt]]
[[File:§name|thumb|§title]]
[img]§address[/img]
<§mark>
【§mark】§name
[cid:image§four.§suffix@§hash.§hash]
{{ §mark: §name }}
§mark: §name
§mark: §name
§mark: §place
§mark §number
§mark§number
§mark_§number
§mark-§number
<img src="§place">
<img src="§place" alt="§alt"/>
<img width="§size" src="§place" />
<img class="lazy" data-src="§place" alt="">
<img src='§place' alt='§alt' loading='lazy'>
<amp-img src="§place" width="§size"></amp-img>
§data
§data
placeholder-§number
placeholder image §number
§sizes placeholder
§mark placeholder
§gone
image§number.placeholder
thumb_§number
§seen §things
§seen §things""".split("\n")
_GONE: Final = """\
Image not available
Image unavailable
No image available
Bild nicht verfügbar
Image non disponible
Imagen no disponible
Immagine non disponibile
Imagem indisponível
Geen afbeelding
Brak zdjęcia
Нет изображения
画像なし
暂无图片
이미지 없음
Open image in new tab""".split("\n")
_SEEN: Final = """\
Image may contain:
May be an image of
No photo description available.
Bild könnte enthalten:
Möglicherweise ein Bild von
L’image contient peut-être :
Peut être une image de
La imagen puede contener:
Puede ser una imagen de
L’immagine può contenere:
A imagem pode conter:
Mogelijk een afbeelding van
Może być zdjęciem przedstawiającym
На изображении может находиться:
画像に含まれている可能性があるもの:
图片中可能有：""".split("\n")
_THINGS: Final = (
    "1 person,2 people,people standing,people smiling,food,sky,tree,text,outdoors,indoor,dog,car,night,water,crowd,"
    "flower,cloud,table,shoes,mountain"
).split(",")
_LOOK_ALIKES: Final = """\
Open §name in an editor and crop the edges.
The file §name is §size KB, which is too large for the page.
Save the drawing as §name.
Save it under images/§word.jpg and reload the page.
Why does §place return a 404 on the live site?
I uploaded §name yesterday, but the §word is still missing.
As §name shows, the §word is on the left.
The link points to §place, which no longer exists.
Put §name next to index.html and reload.
Speichern Sie das Bild als §name und laden Sie es hoch.
Die Datei §name ist §size KB groß.
Enregistrez l'image sous §name puis envoyez-la.
Le fichier §name pèse §size Ko.
Guarde la imagen como §name en la carpeta del proyecto.
Il file §name occupa §size kB.
Salve a figura como §name.
Plik §name zajmuje §size kB.
Sla de afbeelding op als §name.
Сохраните рисунок под именем §name.
Файл §name занимает §size КБ.
画像を §name として保存します。
请把图片保存为 §name。
§name 파일을 열어 크기를 확인합니다.
Lưu ảnh thành §name rồi tải lên.
You can see the difference between §word.png and §name
Return the path of the thumbnail, for example §path.
Accepted formats are .jpg, .png and .§suffix.
Replace §word.svg by your own logo (§size by §size pixels).
Then rename it to §name so the theme can find it
convert §name -resize 50% §slug.png
$ cp §name backup/
ffmpeg -i §slug.mp4 -frames:v 1 §slug.jpg
git add §word/§slug.png
mogrify -format jpg §name
curl -o §slug.png https://example.com/§word.png
wget https://example.com/§word/§slug.jpg
optipng -o7 §slug.png
rm -f §word/*.jpg
cwebp §slug.jpg -o §slug.webp
scp §slug.png user@example.org:§word/
tesseract §name §word
mv §slug.jpeg §slug.jpg
identify -verbose §slug.tiff
dot -Tpng §word.dot -o §word.png
Convert a file to PNG: §word §slug.jpg
background-image: url(§path);
image = Image.open("§path")
plt.savefig("§word.png", dpi=150)
const §word = require('§path');
"§word": "§path",
import §word from './§word.svg';
§word.src = "§path";
cover: §word.jpg
v§digit.§number.§digit
§digit.§number.§digit
$§number.90
§number,50 €
£§size
§size kg
§month:§day
§size × §number cm
§word.example.org
www.§word.example.com
§word.pdf
§word.py
index.html
§word.csv
§word/§word.md
README.md
§word.js
/etc/§word.conf
§word@example.com
192.168.§digit.§number
§word-§digit.tar.gz
§size m²
§word()
§word.mp3
§word: §number
* §name, shown in chapter two
§name: the §word in the header
§word.jpg, §word.png and §word.gif are allowed
Figure §digit: the §word from above
Image: the §word after the storm, seen from the south
Photo of the §word before it was restored
The §word in the picture is older than the §word.
The image shows the §word.
Image formats
How to compress images
Pictures of the §word and the §word""".split("\n")


def write_images(count: int, seed: int = 0) -> list[Phrase]:
    """Write image placeholders: names, paths, addresses, markup, data, and the stubs of lazy pages.

    Fewer than ``count`` come back where two were the same.

    >>> [phrase.text for phrase in write_images(3)]
    ['Abbildung-57', './uploads/2021/03/järvi/slide26.jpg', '사진48']
    """
    return _write("images", seed, count, _PLACEHOLDERS, Label.IMAGE)


def write_look_alikes(count: int, seed: int = 0) -> list[Phrase]:
    """Write content that holds image names or looks like one: commands, sentences, versions, prices, other files."""
    return _write("look-alikes", seed, count, _LOOK_ALIKES, Label.CONTENT)


def _write(purpose: str, seed: int, count: int, templates: list[str], label: Label) -> list[Phrase]:
    chances = (seeded(purpose, seed, number) for number in range(count))
    texts = dict.fromkeys(" ".join(_fill(chance.choice(templates), chance).split()) for chance in chances)
    return [Phrase(text, label, "", "und", OWN_SOURCE, OWN_LICENCE) for text in texts]


def _fill(template: str, chance: random.Random) -> str:
    return _FIELD.sub(lambda match: _FIELDS[match[1]](chance), template)


def _any(options: list[str]) -> Callable[[random.Random], str]:
    return lambda chance: _fill(chance.choice(options), chance)


def _number(first: int, last: int, width: int = 0) -> Callable[[random.Random], str]:
    return lambda chance: str(chance.randint(first, last)).zfill(width)


def _letters(alphabet: str, lengths: tuple[int, ...]) -> Callable[[random.Random], str]:
    return lambda chance: "".join(chance.choices(alphabet, k=chance.choice(lengths)))


def _slug(chance: random.Random) -> str:
    slug = chance.choice("--__.").join(chance.sample(_WORDS, chance.choice((1, 2, 2, 3, 3, 4, 6))))
    return chance.choice((slug, slug, slug, slug.title(), slug.upper()))


def _name(chance: random.Random) -> str:
    name = f"{_fill(chance.choice(_NAMES), chance)}.{chance.choice(_SUFFIXES)}"
    return f"{name}{chance.choice(_QUERIES)}" if chance.random() < 0.05 else name


def _path(chance: random.Random) -> str:
    folder = chance.choice(_FOLDERS) + chance.choice(("", "", f"/{chance.choice(_WORDS)}"))
    slash = "" if folder.startswith(".") else chance.choice(("", "", "/", "./"))
    return f"{slash}{folder}/{_name(chance)}"


def _address(chance: random.Random) -> str:
    path = _path(chance).lstrip("./").replace(" ", "%20")
    return f"{chance.choice(_HOSTS)}/{path}{'' if '?' in path else chance.choice((*_QUERIES, *[''] * 8))}"


def _data(chance: random.Random) -> str:
    kind, head = chance.choice(
        (
            ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("gif", b"GIF89a\1\0\1\0\x80\0\0"),
            ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1"),
            ("webp", b"RIFF\x22\0\0\0WEBPVP8 "),
            ("svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"'),
        )
    )
    code = base64.b64encode(head + chance.randbytes(chance.randint(6, 90))).decode()
    box = f"0%200%20{chance.randint(1, 900)}%20{chance.randint(1, 900)}"
    drawn = f"%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20viewBox='{box}'%3E%3C/svg%3E"
    return chance.choice((f"data:image/{kind};base64,{code}", code, f"data:image/svg+xml,{drawn}"))


_FIELDS: Final[Mapping[str, Callable[[random.Random], str]]] = {
    "address": _address,
    "alt": _any(_ALTS),
    "clock": _number(0, 235959, 6),
    "code": _letters("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789_-", (8, 12, 16, 22)),
    "data": _data,
    "day": _number(1, 28, 2),
    "digit": _number(1, 9),
    "encoded": lambda chance: urllib.parse.quote(" ".join((chance.choice(_FOREIGN), chance.choice(_WORDS)))),
    "five": _number(0, 99999, 5),
    "foreign": _any(_FOREIGN),
    "four": _number(1, 9999, 4),
    "gone": _any(_GONE),
    "hash": _letters("0123456789abcdef", (8, 12, 16, 20, 32, 32, 40)),
    "joint": _any([" at ", " um ", " à ", " alle ", " ", "-", "_", " в "]),
    "mark": _any(_MARKS),
    "month": _number(1, 12, 2),
    "name": _name,
    "number": _number(1, 60),
    "path": _path,
    "place": _any(["§name", "§path", "§address"]),
    "quality": _any("60 75 80 85 90 95".split()),
    "seen": _any(_SEEN),
    "short": _letters("abcdefghijklmnopqrstuvwxyz", (1, 2, 3, 3, 4, 4, 5, 6)),
    "shot": _any(_SHOTS),
    "size": _any("80 100 150 240 300 320 400 480 640 750 768 828 1000 1024 1080 1200 1536 1920 2048".split()),
    "sizes": _any("150x150 300x200 300x169 640x480 768x512 1024x768 1200x630 1920x1080 80x60 1x1 400x400".split()),
    "slug": _slug,
    "suffix": _any(_SUFFIXES),
    "things": lambda chance: ", ".join(chance.sample(_THINGS, chance.randint(1, 4))),
    "title": lambda chance: " ".join(chance.sample(_WORDS, chance.randint(2, 5))).capitalize(),
    "width": _any("400w 640w 800w 828w 1000w 1080w 1200w 2048w".split()),
    "word": _any(_WORDS),
    "year": _number(2003, 2024),
}
