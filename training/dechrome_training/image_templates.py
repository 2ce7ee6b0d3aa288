"""What image placeholders and their look-alikes are made of: words, file names, templates. Data, no logic.

``§name`` in a template stands for one draw from the field of that name (``image_names.py``).
"""

from __future__ import annotations

from typing import Final

WORDS: Final = (
    "harbour bridge autumn market recipe soup bread garden cat team office summit chart map poster hero cover header"
    " banner logo icon avatar portrait sunset mountain lake church museum concert stage kitchen table interior plan"
    " product shoe jacket bottle wheel engine bike train station airport storm flood fire school students lab figure"
    " diagram screenshot step detail front back left main large small final new old red blue news world sport election"
    " president minister court police rahmen wald hafen brücke küche fenster stadt verein maison jardin plage marché"
    " fromage château playa mercado puente iglesia receta torta mare strada ponte chiesa gatto praia festa most zamek"
    " rynek kolo strom vlak kuva talvi järvi skog fjord hytte kirke hund deniz kahve kedi cookies cookie"
    " biscuits baking dough consent banner login session"
).split()
FOREIGN: Final = (
    "фото озеро мост котик зима схема рисунок логотип обложка 写真 桜 駅前 画像 料理 图片 首页 产品 北京 合影"
    " 사진 제주도 로고 صورة الجسر شعار תמונה גשר לוגו εικόνα λιμάνι फोटो नदी ภาพ ทะเล გემი சித்திரம் ảnh-bìa hình-nền"
).split()
SUFFIXES: Final = (
    "jpg jpg jpg jpg jpg jpg jpg jpg jpg png png png png png jpeg jpeg jpeg webp webp webp gif gif svg svg JPG JPG PNG"
    " JPEG avif bmp tif tiff heic HEIC ico jfif ARW NEF"
).split()
MARKS: Final = (
    "image Image IMAGE img IMG photo Photo picture Picture figure Bild Foto Abbildung Datei Fichier Archivo imagen"
    " Imagen immagine Immagine imagem Imagem afbeelding Afbeelding bild billede bilde kuva obraz obrázek slika kép"
    " imagine изображение Фото Файл зображення снимка εικόνα resim görsel 画像 写真 图片 圖片 사진 이미지"
    " صورة تصویر תמונה चित्र ภาพ ảnh gambar File thumbnail icon logo pic screenshot Figure"
).split()
NAMES: Final = """\
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
§shot §year-§month-§day§joint§month.§day.§day
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
SHOTS: Final = """\
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
FOLDERS: Final = (
    "images img assets/img static/media uploads/2021/03 wp-content/uploads/2019/11 media files/styles/large pics"
    " ../images ./figures public photos/2018 sites/default/files/2020-05 content/img/blog fileadmin src/assets"
    " docs/_static graphics thumb/a/ab t_share,w_1200 packages/shop/src/icons help/C/figures"
).split()
QUERIES: Final = (
    "?w=640 ?v=17 ?resize=300%2C200&ssl=1 ?width=1200&height=630&fit=crop ?auto=format&q=80 ?raw=true ?itok=aB3dE9"
    " ?1587312000 ?fit=1024%2C683 ?format=webp&s=ab12cd &name=large #thumb ?x-oss-process=resize,w_600"
).split()
HOSTS: Final = (
    "https://cdn.example.com https://images.example.org http://static.example.net https://i0.wp.example.com"
    " //img.example.de https://media.example.co.uk http://www.example.fr //pbs.example.com https://example.ru"
).split()
ALTS: Final = """\


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
PLACEHOLDERS: Final = """\
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
§mark: §name
§mark: §name
§mark: §place
§mark: §place
§mark §number
§mark §number
§mark §number
§mark§number
§mark§number
§mark
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
§seen §things
§seen §things
§seen §things""".split("\n")
GONE: Final = """\
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
SEEN: Final = """\
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
THINGS: Final = (
    "1 person,2 people,people standing,people smiling,food,sky,tree,text,outdoors,indoor,dog,car,night,water,crowd,"
    "flower,cloud,table,shoes,mountain"
).split(",")
LOOK_ALIKES: Final = """\
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
Convert a §word image to §suffix
List all images
Join numbered images (§word_1.jpg, §word_2.jpg, …) to a film
Bilder verkleinern
Alle Bilder auflisten
Réduire une image
Lister les images
Listar todas las imágenes
Convertir una imagen a otro formato
Elenca le immagini
Converte uma imagem para §suffix
Zet een afbeelding om naar §suffix
Wyświetl wszystkie obrazy
Преобразовать изображение в §suffix
画像を変換する
列出所有图片
(version §digit.§digit)
(§number of §size)
Pictures of the §word and the §word""".split("\n")
