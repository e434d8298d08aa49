"""Word lists that fill the ``{slots}`` of the templates, by language."""

# ruff: noqa: E501, SIM905  (a table: one row, one line)
# fmt: off

from __future__ import annotations

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "name": tuple(
            "Anna Tom Maria Ben Lucy Omar Priya Jack Emma Leo Sofia Noah Mia Carlos Ella Sam Nina David Fatima Kevin "
            "Grace Ivan Julia Peter Aisha Daniel Chloe Marcus Hana Felix Rosa Victor Olivia Ethan Zoe Ahmed Laura "
            "Simon Kate Diego Wendy Martin Elena Oscar Ruth Paul Yuki Clara Hugo Mei".split()
        ),
        "things": tuple(
            "apples|pencils|notebooks|oranges|books|pens|cupcakes|toy cars|bananas|T-shirts|eggs|tickets|sandwiches|"
            "bottles of water|stickers|chairs|mugs|candles|balloons|marbles|peaches|erasers|socks|cookies|plates|"
            "postcards|light bulbs|batteries|mangoes|boxes of tea|umbrellas|hats|rulers|bags of rice|lemons|buttons|"
            "roses|cans of soup|keychains|puzzles|towels|brushes|loaves of bread|cartons of milk".split("|")
        ),
        "item": tuple(
            "jacket|pair of shoes|phone|laptop|bicycle|backpack|watch|camera|desk|lamp|sofa|printer|dress|suitcase|"
            "microwave|guitar|tablet|coat|tent|helmet|blender|monitor|keyboard|television|skateboard|vase|carpet|"
            "handbag|heater|table|mattress|coffee machine|game console|drone|sweater|washing machine".split("|")
        ),
        "place": tuple(
            "a school|a farm|a factory|a library|a bakery|a hotel|a theater|a museum|a hospital|a workshop|an office|"
            "a park|a supermarket|a garden center|a warehouse|a restaurant|a stadium|a bookstore".split("|")
        ),
        "vehicle": tuple(
            "A car|A truck|A train|A bus|A cyclist|A motorcycle|A ship|A delivery van|A tram|A coach|A taxi".split("|")
        ),
        "town": tuple(
            "Oakville|Riverton|Lakeside|Hillford|Brookfield|Ashton|Milltown|Greenport|Westbury|Northgate|Fairview|"
            "Stonebridge|Maplewood|Eastham|Kingsley|Redhill".split("|")
        ),
        "shape_thing": tuple(
            "garden|room|field|playground|table top|swimming pool|floor|yard|parking lot|poster|lawn|stage".split("|")
        ),
        "crop": tuple(
            "corn|tomato|cabbage|sunflower|apple|cotton|pepper|strawberry|potato|tulip|bean|orange".split("|")
        ),
        "job": tuple(
            "painter|waiter|driver|teacher|plumber|cashier|gardener|nurse|designer|mechanic|tutor|cleaner".split("|")
        ),
        "food": tuple("pancakes|soup|cookies|bread|curry|cake|lemonade|pasta|risotto|muffins|stew|pizza".split("|")),
        "subject": tuple("math|history|physics|English|biology|chemistry|music|geography|art".split("|")),
    },
    "zh": {
        "name": tuple(
            "小明 小红 小刚 小丽 小华 李明 王芳 张伟 刘洋 陈静 赵磊 小军 小美 小强 李娜 王强 张丽 小雨 小林 周杰 吴敏 孙浩 "
            "小芳 小东 杨阳 妈妈 爸爸 老王 老李 小张 小陈 小玲 欢欢 乐乐 丁丁 晓雯 志强 佳佳 阿杰 林老师".split()
        ),
        "things": tuple(
            "个苹果 支铅笔 本笔记本 个橙子 本书 支钢笔 个面包 辆玩具车 个鸡蛋 张邮票 瓶水 块橡皮 个杯子 个气球 颗糖 盒牛奶 "
            "个西瓜 双袜子 条毛巾 把椅子 个篮球 个足球 件T恤 把雨伞 盒饼干 个灯泡 节电池 朵玫瑰 个梨 块蛋糕 袋大米 张贺卡 "
            "个碗 盒彩笔 个芒果 本练习册".split()
        ),
        "item": tuple(
            "外套 运动鞋 手机 电脑 自行车 书包 手表 相机 书桌 台灯 沙发 打印机 连衣裙 行李箱 微波炉 吉他 平板电脑 大衣 帐篷 "
            "空调 冰箱 显示器 键盘 电视机 耳机 洗衣机 电饭煲 毛衣 羽绒服 电风扇 床垫 风衣".split()
        ),
        "place": tuple("学校 农场 工厂 图书馆 面包店 酒店 剧院 博物馆 医院 车间 公司 公园 超市 书店 仓库 饭店".split()),
        "vehicle": tuple("一辆汽车 一辆卡车 一列火车 一辆公交车 一艘轮船 一辆摩托车 一辆货车 一辆客车 一列高铁".split()),
        "town": tuple("甲地 乙地 A城 B城 县城 省城 火车站 东村 西村 学校 码头 机场".split()),
        "shape_thing": tuple("花园 房间 操场 菜地 游泳池 广场 教室 草坪 停车场 果园 舞台 院子".split()),
        "crop": tuple("玉米 西红柿 白菜 向日葵 苹果树 棉花 辣椒 草莓 土豆 桃树 梨树 黄瓜".split()),
        "job": tuple("油漆工 服务员 司机 老师 水管工 收银员 园丁 护士 设计师 快递员 家教 厨师".split()),
        "food": tuple("煎饼 汤 饼干 面包 咖喱 蛋糕 柠檬水 馒头 饺子 红烧肉 披萨 粥".split()),
        "subject": tuple("数学 历史 物理 英语 生物 化学 音乐 地理 美术 语文".split()),
    },
}
SURNAMES = tuple(
    "Holloway Brandt Okafor Lindqvist Moreau Tanaka Petrov Alvarez Whitcombe Novak Delgado Haugen Ferrara Castellan "
    "Ibrahim Sorensen Kowalski Marlowe Vance Ashworth Duarte Nakamura Pellegrin Rourke Stavros".split()
)
CHINESE_SURNAMES = tuple("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜")
CHINESE_GIVEN = tuple(
    "建国 文博 思远 雨桐 志明 晓峰 丽华 海涛 静怡 国栋 明哲 子轩 欣然 立群 春燕 永康 天宇 慧敏 俊杰 秋实".split()
)
