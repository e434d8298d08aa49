"""Things to draw, in English and Chinese."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

Pairs = tuple[tuple[str, str], ...]


def _pairs(text: str) -> Pairs:
    """``"cat 猫; red fox 红狐狸"`` as pairs; the Chinese word is the last one."""
    return tuple(tuple(part.strip().rsplit(" ", 1)) for part in text.split(";") if part.strip())  # type: ignore[misc]


SUBJECTS = _pairs(
    "cat 猫; dog 狗; puppy 小狗; kitten 小猫; rabbit 兔子; horse 马; white horse 白马; tiger 老虎; lion 狮子; panda 熊猫; "
    "elephant 大象; monkey 猴子; fox 狐狸; wolf 狼; bear 熊; owl 猫头鹰; eagle 老鹰; parrot 鹦鹉; penguin 企鹅; dolphin 海豚; "
    "whale 鲸鱼; shark 鲨鱼; goldfish 金鱼; turtle 乌龟; snake 蛇; dragon 龙; phoenix 凤凰; unicorn 独角兽; dinosaur 恐龙; "
    "butterfly 蝴蝶; bee 蜜蜂; dragonfly 蜻蜓; ladybug 瓢虫; swan 天鹅; crane 仙鹤; peacock 孔雀; rooster 公鸡; duck 鸭子; "
    "sheep 绵羊; cow 奶牛; pig 小猪; deer 鹿; giraffe 长颈鹿; kangaroo 袋鼠; koala 考拉; squirrel 松鼠; hedgehog 刺猬; frog 青蛙; "
    "little girl 小女孩; boy 男孩; old man 老人; grandmother 奶奶; young woman 年轻女子; knight 骑士; princess 公主; prince 王子; "
    "king 国王; queen 女王; wizard 巫师; witch 女巫; fairy 仙女; angel 天使; mermaid 美人鱼; astronaut 宇航员; pirate 海盗; "
    "ninja 忍者; samurai 武士; robot 机器人; superhero 超级英雄; chef 厨师; doctor 医生; teacher 老师; firefighter 消防员; "
    "farmer 农民; fisherman 渔夫; dancer 舞者; musician 音乐家; painter 画家; monk 和尚; soldier 士兵; football player 足球运动员; "
    "basketball player 篮球运动员; family 一家人; couple 情侣; group of children 一群孩子; bride 新娘; snowman 雪人; scarecrow 稻草人; "
    "castle 城堡; cottage 小木屋; lighthouse 灯塔; temple 寺庙; pagoda 宝塔; church 教堂; bridge 桥; windmill 风车; skyscraper 摩天大楼; "
    "treehouse 树屋; palace 宫殿; village 村庄; farm 农场; library 图书馆; train station 火车站; market 集市; coffee shop 咖啡馆; "
    "steam train 蒸汽火车; sailing ship 帆船; sports car 跑车; bicycle 自行车; motorcycle 摩托车; airplane 飞机; rocket 火箭; "
    "spaceship 宇宙飞船; submarine 潜水艇; hot air balloon 热气球; bus 公交车; tractor 拖拉机; flying car 飞行汽车; tank 坦克; "
    "apple tree 苹果树; cherry tree 樱花树; bamboo grove 竹林; sunflower 向日葵; rose 玫瑰; lotus 荷花; tulip 郁金香; peony 牡丹; "
    "orchid 兰花; plum blossom 梅花; maple tree 枫树; cactus 仙人掌; mushroom 蘑菇; pumpkin 南瓜; watermelon 西瓜; strawberry 草莓; "
    "basket of fruit 果篮; birthday cake 生日蛋糕; cup of coffee 咖啡; teapot 茶壶; bowl of noodles 一碗面条; hamburger 汉堡; pizza 披萨; "
    "ice cream 冰淇淋; plate of dumplings 饺子; loaf of bread 面包; violin 小提琴; piano 钢琴; guitar 吉他; drum 鼓; clock 时钟; lantern 灯笼; "
    "umbrella 雨伞; candle 蜡烛; treasure chest 宝箱; crown 王冠; sword 宝剑; kite 风筝; vase of flowers 花瓶; open book 书本; "
    "mountain lake 高山湖泊; waterfall 瀑布; volcano 火山; rainbow 彩虹; starry sky 星空; full moon 满月; sunrise 日出; sunset 日落; "
    "snowy mountain 雪山; winding river 弯弯的河流; thunderstorm 雷雨; rice terrace 梯田; wheat field 麦田; island 小岛; canyon 峡谷; glacier 冰川"
)
ADJECTIVES = _pairs(
    "red 红色的; blue 蓝色的; green 绿色的; golden 金色的; white 白色的; black 黑色的; purple 紫色的; pink 粉色的; orange 橙色的; silver 银色的; "
    "cute 可爱的; tiny 小小的; huge 巨大的; old 古老的; happy 快乐的; sad 悲伤的; sleepy 困倦的; angry 生气的; beautiful 美丽的; mysterious 神秘的; "
    "lonely 孤独的; brave 勇敢的; funny 滑稽的; elegant 优雅的; glowing 发光的; colorful 五彩的; transparent 透明的; fluffy 毛茸茸的; strange 奇怪的; "
    "peaceful 宁静的; magical 神奇的; futuristic 未来的; wooden 木头的; crystal 水晶的; giant 超大的; smiling 微笑的; fierce 凶猛的; proud 骄傲的; "
    "ancient 远古的; modern 现代的; romantic 浪漫的; lively 活泼的; shy 害羞的; majestic 雄伟的; dreamy 梦幻的; gentle 温柔的; chubby 胖乎乎的; shiny 闪亮的"
)
ACTIONS = _pairs(
    "reading a book 在看书; playing the piano 在弹钢琴; flying a kite 在放风筝; dancing 在跳舞; sleeping 在睡觉; running 在奔跑; fishing 在钓鱼; "
    "drinking tea 在喝茶; riding a bicycle 在骑自行车; wearing a hat 戴着帽子; holding an umbrella 打着伞; looking at the stars 在看星星; "
    "playing football 在踢足球; singing 在唱歌; cooking dinner 在做饭; painting a picture 在画画; wearing sunglasses 戴着墨镜; swimming 在游泳; "
    "eating an apple 在吃苹果; playing chess 在下棋; jumping 在跳跃; taking a photo 在拍照; writing a letter 在写信; laughing 在大笑; waving 在挥手; "
    "wearing a red scarf 围着红围巾; holding a lantern 提着灯笼; building a sandcastle 在堆沙堡; watering flowers 在浇花; resting 在休息"
)
PLACES = _pairs(
    "in a forest 在森林里; by the sea 在海边; on the beach 在沙滩上; in the snow 在雪地里; on the moon 在月球上; in space 在太空中; under the sea 在海底; "
    "in the desert 在沙漠中; in a garden 在花园里; on a mountain top 在山顶; by a lake 在湖边; by a river 在河边; in the rain 在雨中; under a tree 在树下; "
    "in the clouds 在云端; in a big city 在大城市里; on a rooftop 在屋顶上; in a small village 在小村庄里; in a classroom 在教室里; in a kitchen 在厨房里; "
    "in a library 在图书馆里; in a park 在公园里; on a farm 在农场上; in a meadow 在草地上; at night 在夜晚; at sunset 在夕阳下; at dawn 在黎明; in spring 在春天; "
    "in autumn 在秋天; in winter 在冬天; in summer 在夏天; in the fog 在雾中; in a cave 在山洞里; on a bridge 在桥上; in a castle 在城堡里; on a boat 在船上; "
    "in a bamboo grove 在竹林中; in a flower field 在花海中; under the stars 在星空下; in the moonlight 在月光下; by a waterfall 在瀑布旁; on a train 在火车上; "
    "at the train station 在车站; in a temple 在寺庙里; in a cafe 在咖啡馆里; at a window 在窗边; on a swing 在秋千上; in an old street 在老街上; "
    "on a busy street 在热闹的街上; on an island 在小岛上; in the jungle 在丛林里; on a glacier 在冰川上; in a wheat field 在麦田里; at a birthday party 在生日会上; "
    "on a stage 在舞台上; in a stadium 在体育场里; in a spaceship 在飞船里; at the North Pole 在北极; in ancient China 在古代中国; in a candy land 在糖果世界里; "
    "on a rainbow 在彩虹上; next to a fireplace 在壁炉旁"
)
STYLES = _pairs(
    "watercolor 水彩; oil painting 油画; ink wash painting 水墨画; pencil sketch 铅笔素描; cartoon 卡通; anime 动漫; pixel art 像素风; cyberpunk 赛博朋克; "
    "steampunk 蒸汽朋克; minimalist 极简; impressionist 印象派; surrealist 超现实主义; pop art 波普艺术; 3D render 3D渲染; realistic photo 写实照片; "
    "paper cut 剪纸; woodcut 木刻; children's book illustration 童书插画; fantasy art 奇幻; vintage poster 复古海报; flat design 扁平; line art 线稿; "
    "crayon drawing 蜡笔画; gothic 哥特; science fiction 科幻; comic book 漫画; stained glass 彩色玻璃; mosaic 马赛克; graffiti 涂鸦; "
    "black and white 黑白; baroque 巴洛克; abstract 抽象; chalk drawing 粉笔画; clay 黏土; low poly 低多边形; Ghibli-like 吉卜力"
)
PRODUCTS = _pairs(
    "poster 海报; logo 标志; wallpaper 壁纸; avatar 头像; greeting card 贺卡; book cover 封面; icon 图标; illustration 插画; sticker 贴纸; banner 横幅; "
    "invitation 邀请函; album cover 专辑封面; tattoo design 纹身图案; T-shirt print T恤图案; mascot 吉祥物; postcard 明信片"
)
DETAILS = _pairs(
    "soft light 柔和的光线; bright colors 鲜艳的色彩; high detail 丰富的细节; warm colors 暖色调; dramatic light 戏剧性的光影; wide view 宽广的视野; "
    "a close-up view 特写; a calm mood 平静的气氛; pastel tones 柔和的色调; a clear sky 晴朗的天空; golden light 金色的阳光; long shadows 长长的影子; "
    "a cheerful mood 欢快的气氛; a simple background 简单的背景; rich texture 丰富的质感; light mist 薄雾; cold colors 冷色调; a big moon 一轮大月亮; "
    "falling petals 飘落的花瓣; fireworks 烟花; a flock of birds 一群飞鸟; a small house 一座小房子; many flowers 许多鲜花; fluffy clouds 蓬松的白云"
)
