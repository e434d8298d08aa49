"""Plugins that users might add: label, API, then question, output and answer in English and in Chinese."""

# ruff: noqa: E501, SIM905  (a table: one row, one line)
# fmt: off

from __future__ import annotations

SLOTS: dict[str, dict[str, tuple[str, ...]]] = {
    "city": {"en": tuple("Paris Berlin Oslo Lima Cairo Toronto Vienna Osaka Madrid Boston Hanoi Dublin".split()), "zh": tuple("北京 上海 广州 成都 杭州 西安 武汉 厦门 昆明 青岛".split())},
    "city2": {"en": tuple("Rome London Prague Zurich Milan Lyon Ghent Turin".split()), "zh": tuple("南京 重庆 长沙 苏州 大连 天津".split())},
    "country": {"en": tuple("Japan Kenya Chile Norway Peru Poland India Spain".split()), "zh": tuple("日本 法国 埃及 巴西 泰国 德国".split())},
    "word": {"en": tuple("serene brittle candid ponder vivid reluctant thrift glimpse humble nimble".split()), "zh": tuple("斟酌 璀璨 坦率 蹒跚 惬意 踌躇 熙攘 缄默".split())},
    "minutes": {"en": ("minutes", "seconds", "hours"), "zh": ("分钟", "秒", "小时")},
    "unit": {"en": ("miles", "pounds", "gallons", "feet", "ounces", "acres"), "zh": ("英里", "磅", "加仑", "英尺", "盎司", "亩")},
    "name": {"en": tuple("Anna Tom Maria Ben Lucy Omar Priya Jack Emma Leo".split()), "zh": tuple("小明 小红 李明 王芳 张伟 陈静 小林".split())},
    "item": {"en": ("milk", "eggs", "a blue shirt", "batteries", "a desk lamp", "running shoes", "tea", "a phone case"), "zh": ("牛奶", "鸡蛋", "蓝衬衫", "电池", "台灯", "跑鞋", "茶叶", "手机壳")},
    "text": {"en": ("call the dentist", "buy bread", "water the plants", "the meeting was moved", "pay the rent", "send the report"), "zh": ("给牙医打电话", "买面包", "浇花", "会议改期了", "交房租", "发报告")},
    "money": {"en": ("dollars", "euros", "pounds", "yen"), "zh": ("美元", "欧元", "英镑", "日元")},
    "song": {"en": ("Blue Harbor", "Morning Train", "Paper Moon Road", "Quiet Rain", "Golden Hours"), "zh": ("海边的风", "夜行列车", "旧信", "小雨巷", "金色年华")},
    "room": {"en": ("kitchen", "bedroom", "living room", "garage", "hall", "office"), "zh": ("厨房", "卧室", "客厅", "车库", "走廊", "书房")},
    "topic": {"en": ("sports", "science", "music", "business", "travel", "health"), "zh": ("体育", "科技", "音乐", "财经", "旅游", "健康")},
    "dish": {"en": ("lentil soup", "apple pie", "fried rice", "pancakes", "tomato pasta"), "zh": ("番茄炒蛋", "红烧肉", "蛋炒饭", "酸辣汤", "苹果派")},
    "company": {"en": ("Nordline", "Apex Tools", "BlueSky Air", "Ferro Bank", "Sunmill"), "zh": ("北辰科技", "云帆航空", "海川银行", "青禾食品")},
    "date": {"en": ("May 3", "June 17", "October 9", "March 21", "July 30"), "zh": ("5月3日", "6月17日", "10月9日", "3月21日", "7月30日")},
    "animal": {"en": ("badger", "heron", "lynx", "newt", "otter", "puffin"), "zh": ("獾", "苍鹭", "猞猁", "水獭", "海鹦")},
    "film": {"en": ("The Last Ferry", "Night Orchard", "Two Rivers", "Copper Sky"), "zh": ("最后的渡轮", "夜果园", "两条河", "铜色天空")},
}

PLUGINS: tuple[tuple[str, str, str, str, str, str, str, str], ...] = (
    ("Weather forecast", "Weather(city)", "What's the weather in {city}? | Do I need an umbrella in {city}? | forecast for {city} please", "rain, {m} degrees | sunny, {m} degrees | cloudy, {m} degrees", "In {city}: {o}.", "{city}天气怎么样？ | {city}要带伞吗", "小雨，{m}度 | 晴，{m}度", "{city}：{o}。"),
    ("Unit converter", "Convert(quantity)", "Convert {n} {unit} to metric. | How much is {n} {unit} in metric units?", "{m} metric units", "{n} {unit} are {o}.", "{n}{unit}换算成公制是多少？", "{m}公制单位", "{n}{unit}是{o}。"),
    ("Dictionary", "Define(word)", "What does {word} mean? | Define {word}. | Look up the word {word}", "an entry from the {m}th edition: used of people and things | adjective or verb, common in novels", "The dictionary says about {word}: {o}.", "{word}是什么意思？ | 查一下{word}这个词", "书面语，第{m}版词条 | 多用于文学作品", "词典对{word}的解释：{o}。"),
    ("Timer", "SetTimer(duration)", "Set a timer for {n} {minutes}. | Wake me in {n} {minutes}. | Remind me in {n} {minutes}", "timer set", "The timer for {n} {minutes} is running.", "设置{n}{minutes}的计时器 | {n}{minutes}后提醒我", "已设置", "{n}{minutes}的计时器已开始。"),
    ("Alarm clock", "SetAlarm(time)", "Set an alarm for {m}:00. | Wake me at {m}:00", "alarm on for {m}:00", "Done: {o}.", "定{m}:00的闹钟 | {m}:00叫我", "闹钟已开", "好的，{m}:00{o}。"),
    ("Calendar", "AgendaOn(date)", "What's in my calendar on {date}? | Am I free on {date}?", "{m}:00 meeting with {name} | nothing planned", "On {date}: {o}.", "{date}我有什么安排？ | {date}有空吗", "{m}点和{name}开会 | 没有安排", "{date}：{o}。"),
    ("Contacts", "FindContact(name)", "What's the phone number of {name}? | I need {name}'s number.", "555-0{n}{m}", "{name}'s number is {o}.", "{name}的电话是多少？ | 找一下{name}的号码", "139-{n}-{m}", "{name}的电话是{o}。"),
    ("Notes", "SaveNote(text)", "Note down: {text}. | Remember for me: {text} | Make a note to {text}", "saved as note {m}", "I've {o}: {text}.", "记一下：{text} | 帮我记住{text}", "已存为第{m}条", "好的，{o}：{text}。"),
    ("Shopping list", "AddToList(item)", "Put {item} on my shopping list. | We need {item}. | Add {item} to the list", "{m} items on the list", "Added {item}; there are now {o}.", "把{item}加入购物清单 | 清单加上{item}", "清单共{m}项", "已加入{item}，{o}。"),
    ("Product search", "FindProduct(item)", "How much is {item} in your shop? | Do you sell {item}?", "in stock, {n} dollars | sold out", "We checked {item}: {o}.", "店里的{item}多少钱？ | 有{item}卖吗", "有货，{n}元 | 已售完", "{item}：{o}。"),
    ("Currency exchange", "Exchange(amount)", "How much is {n} {money} at today's rate? | Change {n} {money}", "{m} at today's rate", "{n} {money} give {o}.", "{n}{money}今天能换多少？", "按今日汇率为{m}", "{n}{money}{o}。"),
    ("Music player", "Play(song)", "Play {song}. | I want to hear {song} | Put on {song}, please", "now playing", "{song}: {o}.", "播放{song} | 我想听{song}", "正在播放", "{o}《{song}》。"),
    ("Light switch", "LightOn(room)", "Turn on the light in the {room}. | It's dark in the {room}.", "on", "The light in the {room} is {o}.", "打开{room}的灯 | {room}太暗了", "已打开", "{room}的灯{o}。"),
    ("Heating", "Heat(room)", "It is cold in the {room}. | Warm up the {room}, please.", "{m} degrees set", "The {room} is being heated: {o}.", "{room}有点冷 | 把{room}暖一暖", "设为{m}度", "{room}已{o}。"),
    ("Door camera", "Look(room)", "Is anybody in the {room}? | Check the camera in the {room}.", "nobody seen | {m} persons seen", "Camera in the {room}: {o}.", "{room}里有人吗？ | 看看{room}的摄像头", "没有人 | 看到{m}人", "{room}：{o}。"),
    ("News feed", "Headlines(topic)", "Give me the headlines on {topic}. | What's in the {topic} news?", "{m} new stories, the first about {name} | a report from {city}", "In {topic}: {o}.", "{topic}有什么头条？ | 看看{topic}新闻", "共{m}条，首条关于{name}", "{topic}：{o}。"),
    ("Recipe book", "Recipe(dish)", "How do I make {dish} from my recipe book? | Find the recipe for {dish}.", "{m} steps, {n} minutes | ready in {n} minutes", "{dish}: {o}.", "{dish}的菜谱 | 查菜谱：{dish}", "共{m}步，{n}分钟", "{dish}：{o}。"),
    ("Table booking", "BookTable(time)", "Book a table for {m}:00. | Reserve a table at {m}:00", "table {n} booked", "Done, {o} for {m}:00.", "订{m}:00的桌位", "{n}号桌已订", "{m}:00，{o}。"),
    ("Stock price", "Quote(company)", "What's the share price of {company}? | How is {company} doing on the stock market?", "{n}.{m} dollars", "{company} stands at {o}.", "{company}股价多少？ | 查{company}的股票", "{n}.{m}元", "{company}现价{o}。"),
    ("Train timetable", "NextTrain(route)", "When does the next train go from {city} to {city2}? | Next train {city} to {city2}?", "at {m}:15 from platform {n} | at {m}:40", "The next train leaves {o}.", "从{city}到{city2}的下一班火车几点？", "{m}:15，{n}站台", "下一班是{o}。"),
    ("Flight search", "Flights(route)", "Find a flight from {city} to {city2}. | Are there flights from {city} to {city2}?", "{m} flights, from {n}0 dollars", "From {city} to {city2}: {o}.", "查{city}到{city2}的航班", "{m}个航班，最低{n}0元", "{city}到{city2}：{o}。"),
    ("Route planner", "Route(route)", "How long is the drive from {city} to {city2}? | Route from {city} to {city2}", "{n}0 km, {m} hours", "The drive takes {o}.", "从{city}开车到{city2}多远？", "{n}0公里，{m}小时", "路程{o}。"),
    ("Parcel tracking", "Track(order)", "Where is my parcel A{n}{m}? | Track order A{n}{m}", "on the way, {m} stops left | delivered to {name}", "Parcel A{n}{m}: {o}.", "我的包裹A{n}{m}到哪了？ | 查订单A{n}{m}", "运输中，还有{m}站 | {name}已签收", "包裹A{n}{m}：{o}。"),
    ("Translator", "Translate(text)", "Use the translator for: {text}. | Run \"{text}\" through the translator", "translation number {m} ready", "The translator says: {o}.", "用翻译插件翻译：{text}", "第{m}份译文已生成", "{o}。"),
    ("Spell checker", "CheckSpelling(text)", "Check the spelling of \"{text}\". | Spell-check: {text}", "no mistakes | {m} mistakes", "Spelling of \"{text}\": {o}.", "检查拼写：{text}", "没有错误", "“{text}”{o}。"),
    ("Text-to-speech", "Speak(text)", "Read aloud: {text}. | Say \"{text}\" with your voice.", "audio of {m} seconds created", "Here you are: {o}.", "朗读：{text}", "已生成{m}秒音频", "{o}，请听。"),
    ("Mail", "SendMail(text)", "Send a mail that says: {text}. | Mail this to my team: {text}", "sent to {m} people", "Your mail was {o}.", "发邮件：{text}", "已发给{m}人", "邮件{o}。"),
    ("Reminder", "Remind(text)", "Remind me to {text}. | Don't let me forget: {text}", "reminder {m} set", "OK, {o}: {text}.", "提醒我{text}", "第{m}条提醒已设", "{o}：{text}。"),
    ("Hotel finder", "Hotels(place)", "Find a hotel in {city}. | Where can I sleep in {city}?", "{m} hotels, from {n} dollars | Hotel {city2}, {n} dollars", "In {city} I found {o}.", "找{city}的酒店 | {city}住哪里", "{m}家酒店，{n}元起", "{city}有{o}。"),
    ("Restaurant guide", "Restaurants(place)", "Where can I eat in {city}? | Restaurants in {city}", "Chez {name}, {m} minutes away", "Try this one in {city}: {o}.", "{city}哪里吃饭好？", "{name}饭馆，步行{m}分钟", "{city}推荐{o}。"),
    ("Air quality", "AirQuality(city)", "How is the air in {city}? | Air quality {city}?", "index {n}, good | index {n}, moderate", "Air quality in {city}: {o}.", "{city}空气质量如何？", "指数{n}，良", "{city}空气{o}。"),
    ("World clock", "LocalTime(city)", "What time is it in {city}? | local time {city}", "{m}:{n}", "In {city} it is {o}.", "{city}现在几点？", "{m}点{n}分", "{city}现在{o}。"),
    ("Holiday calendar", "Holidays(country)", "Which is the next public holiday in {country}? | Holidays in {country}?", "{date}", "The next holiday in {country} is on {o}.", "{country}下一个假日是哪天？", "{date}", "{country}下一个假日是{o}。"),
    ("Country data", "CountryInfo(country)", "Get the country data of {country}. | Look {country} up in the country data.", "{n} million people, {m} regions", "{country}: {o}.", "查{country}的国家数据", "人口{n}百万，{m}个地区", "{country}：{o}。"),
    ("Random number", "RandomUpTo(number)", "Give me a random number up to {n}. | Roll a die with {n} sides.", "{m}", "The number is {o}.", "给我一个{n}以内的随机数", "{m}", "随机数是{o}。"),
    ("Python runner", "RunPython(code)", "Run print({n}) in Python. | What does print({n}) output?", "{n}", "The program prints {o}.", "运行print({n})", "{n}", "输出是{o}。"),
    ("Animal finder", "AnimalInfo(animal)", "Look up the {animal} in the animal finder. | Animal data on the {animal}?", "{m} kg, lives {n} years", "The {animal}: {o}.", "在动物库中查{animal}", "重{m}千克，寿命{n}年", "{animal}：{o}。"),
    ("Cinema program", "ShowTimes(film)", "When is {film} shown tonight? | Times for {film}?", "{m}:30 in hall {n} | sold out", "{film}: {o}.", "今晚{film}几点放映？", "{m}:30，{n}号厅", "{film}：{o}。"),
    ("Library catalog", "FindBook(topic)", "Find library books about {topic}. | Does the library have books on {topic}?", "{n} books, shelf {m}", "About {topic} there are {o}.", "图书馆有{topic}的书吗？", "{n}本，在{m}号架", "{topic}书有{o}。"),
    ("Job search", "Jobs(place)", "Find jobs in {city}. | Are there open jobs in {city}?", "{n} open jobs", "There are {o} in {city}.", "{city}有什么招聘？", "{n}个职位", "{city}有{o}。"),
    ("Taxi", "CallTaxi(place)", "Call me a taxi in {city}. | I need a cab in {city}", "arrives in {m} minutes", "Your taxi {o}.", "在{city}叫辆出租车", "{m}分钟后到", "出租车{o}。"),
    ("Step counter", "StepsOn(date)", "How many steps did I take on {date}? | My steps on {date}?", "{n}{m}0 steps", "On {date} it was {o}.", "{date}我走了多少步？", "{n}{m}0步", "{date}走了{o}。"),
)

ARGUMENTS = {
    "city": "{city}", "place": "{city}", "country": "{country}", "word": "{word}", "duration": "{n} {minutes}", "time": "{m}:00",
    "quantity": "{n} {unit}", "name": "{name}", "item": "{item}", "text": "{text}", "amount": "{n} {money}", "song": "{song}",
    "room": "{room}", "topic": "{topic}", "recipe": "{dish}", "dish": "{dish}", "company": "{company}", "date": "{date}",
    "number": "{n}", "order": "A{n}{m}", "route": "{city} - {city2}", "animal": "{animal}", "film": "{film}", "code": "print({n})",
}
THOUGHTS = {
    "en": ("The plugin {label} fits this request, so I call {name}.", "I can use {label} here.", "{label} is enabled and can do this; I use {name}.",
           "This is a job for the {label} plugin."),
    "zh": ("{label}插件适合，调用{name}。", "可以用{label}完成。", "{label}已启用，使用{name}。"),
}
FAILED = {"en": "Sorry, {label} gave no result this time.", "zh": "抱歉，{label}没有返回结果。"}
DISABLED = {
    "en": (
        "{label} would fit, but it is disabled, so I use no tool.",
        "I'm sorry, {label} is disabled at the moment, so I can't do this.",
    ),
    "zh": ("{label}适合，但未启用。", "抱歉，{label}目前未启用，无法完成。"),
}
