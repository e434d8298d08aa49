"""English open questions: why, how, impact, advantages, comparison, recommendation, news, law, health."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

from .facts import Attribute as A
from .facts import Topic as T

TOPICS: tuple[T, ...] = (
    T("artificial intelligence|remote work|electric cars|social media|online learning|blockchain|virtual reality|5G|drones|cloud computing|robots in factories|video games|cryptocurrency|self-driving cars|3D printing|big data", (
        A("What are the advantages of {e}? | What is good about {e}? | benefits of {e}", "advantages of {e}", "The main advantages of {e} are {v}.", "The main advantages of {e} are {v}.", "&lower costs|more safety|saved time|better access|higher quality|less waste|new jobs"),
        A("What are the disadvantages of {e}? | What are the risks of {e}? | Is {e} dangerous?", "risks of {e}", "Critics of {e} point to {v}.", "Critics of {e} point to {v}.", "&high prices|privacy problems|lost jobs|addiction|energy use|unclear rules|security holes"),
        A("How does {e} affect society? | What is the impact of {e} on daily life?", "impact of {e} on society", "A survey says that {e} mainly changes {v}.", "According to a survey, {e} mainly changes {v}.", "&the way we learn|shopping habits|working hours|friendships|traffic|health care|the news we read"),
        A("What is the future of {e}? | How will {e} develop? | trends of {e}", "future of {e} trends", "By 2030, analysts expect the market of {e} to reach {v} billion dollars.", "Analysts expect a market of {v} billion dollars for {e} by 2030.", "12..940"),
        A("What is {e}? | Explain {e} to me. | definition of {e}", "what is {e}", "{e} means, in short, {v}.", "In short, {e} means {v}.", "a new way to connect people and machines|technology that saves human effort|tools that work over distance|a system that many people share"),
        A("What's the latest news on {e}? | What is new in {e}?", "{e} latest news", "This week a large study on {e} was presented in {v}.", "This week a large study on {e} was presented in {v}.", "Geneva|Singapore|Boston|Helsinki|Seoul|Montreal|Brussels"),
    )),
    T("headache|back pain|insomnia|high blood pressure|a cold|diabetes|anxiety|acne|hay fever|anemia|migraine|flu|dry eyes|obesity", (
        A("What causes {e}? | Why do people get {e}? | causes of {e}", "causes of {e}", "Doctors name {v} as common causes of {e}.", "Common causes of {e} are {v}.", "&stress|lack of sleep|poor posture|bad diet|infections|genes|little exercise|dry air"),
        A("How can I treat {e}? | What helps against {e}? | How to get rid of {e}?", "{e} treatment", "Against {e}, experts recommend {v}.", "Against {e}, experts recommend {v}; please ask a doctor if it lasts.", "&rest|drinking water|gentle exercise|warm baths|less salt|fresh air|a regular bedtime|medicine from a doctor"),
        A("What are the symptoms of {e}? | How do I recognize {e}?", "{e} symptoms", "Typical signs of {e} are {v}.", "Typical signs of {e} are {v}.", "&tiredness|dizziness|weakness|fever|poor concentration|pain|thirst"),
        A("How many people suffer from {e}? | How common is {e}?", "{e} statistics how common", "About {v} percent of adults suffer from {e} at some time.", "About {v} percent of adults suffer from {e} at some time.", "3..48"),
    )),
    T("climate change|deforestation|plastic waste|air pollution|overfishing|inflation|unemployment|the housing crisis|population aging|water shortage|income inequality|globalization", (
        A("What causes {e}? | Why is there {e}? | What are the reasons for {e}?", "{e} causes", "Experts see {v} as the main causes of {e}.", "The main causes of {e} are {v}.", "&fossil fuels|weak laws|growing cities|cheap imports|rising demand|low wages|industrial farming|high taxes"),
        A("What can be done about {e}? | How can we stop {e}? | solutions for {e}", "{e} solutions", "A new report on {e} calls for {v}.", "A report calls for {v}.", "&higher taxes|better schools|new trees|public transport|fair wages|recycling|more research|strict limits"),
        A("What are the effects of {e}? | How does {e} influence the economy?", "{e} effects", "The effects of {e} include {v}.", "The effects of {e} include {v}.", "&rising prices|migration|lower harvests|health problems|social tension|lost species|less trade"),
        A("How has {e} changed in recent years? | current state of {e}", "{e} recent statistics", "Within ten years the index of {e} rose by {v} percent.", "The index of {e} rose by {v} percent within ten years.", "2..64"),
    )),
    T("knitting|chess|running|yoga|photography|gardening|cooking|swimming|the guitar|painting|Python programming|Spanish|public speaking|climbing|meditation|baking", (
        A("How do I start with {e}? | How can I learn {e}? | Tips for beginners in {e}?", "{e} for beginners", "Beginners in {e} should start with {v}.", "Start with {v}.", "short daily practice|a weekend course|a good book|a local club|a free online class|a patient friend"),
        A("How long does it take to learn {e}? | How soon can one be good at {e}?", "how long to learn {e}", "Most people need about {v} months to get good at {e}.", "Most people need about {v} months.", "3..36"),
        A("What equipment do I need for {e}? | What should I buy for {e}?", "{e} equipment", "For {e} you need little: {v}.", "For {e} you need {v}.", "&good shoes|a notebook|a simple kit|comfortable clothes|a timer|a mat|an app"),
        A("Why is {e} so popular? | What are the benefits of {e}?", "{e} benefits", "People like {e} because it brings {v}.", "People like {e} because it brings {v}.", "&calm|new friends|a clear head|strength|fun|confidence"),
        A("Can you recommend a book on {e}? | best books about {e}", "best book on {e}", "Our readers' favorite book on {e} is \"{v}\".", "Readers' favorite book on {e} is \"{v}\".", "First Steps|The Quiet Hand|A Year of Practice|The Little Handbook|Simple and Good"),
    )),
    T("copyright|divorce law|minimum wage|parental leave|data protection|rent control|traffic fines|inheritance tax|work permits|consumer rights", (
        A("What does the law say about {e}? | What are the current rules on {e}?", "{e} current law", "The law on {e} was changed in {v}.", "The law on {e} was changed in {v}.", "2005..2023"),
        A("Which country has the strictest rules on {e}?", "{e} strictest country", "In a comparison of {e}, {v} has the strictest rules.", "{v} has the strictest rules in that comparison.", "Norway|Singapore|Germany|Canada|Japan|France"),
        A("Who do I ask about {e}? | Where can I get help with {e}?", "{e} advice where", "For questions on {e}, {v} gives free advice.", "{v} gives free advice.", "the town hall|the citizens' office|a legal aid center|the labor office|the consumer agency"),
        A("How high is the fine for breaking rules on {e}? | penalty {e}", "{e} penalty", "Breaking the rules on {e} costs up to {v} euros.", "It can cost up to {v} euros.", "500..48000"),
    )),
    T("photosynthesis|black holes|volcanoes|the northern lights|gravity|DNA|superconductors|earthquakes|magnetism|the ozone layer|vaccines|batteries|lasers|the tides", (
        A("How does {e} work? | How do {e} work? | Can you explain {e}? | Why do we have {e}?", "{e} explanation", "In simple words, {e} can be explained by {v}.", "In simple words, this is explained by {v}.", "&moving particles|stored energy|heat from inside|a chain of reactions|waves|pressure|light"),
        A("Who discovered the principle of {e}? | Who first described {e}?", "{e} discovery who", "{v} first described {e} in a paper.", "{v} first described this.", "@person"),
        A("What are the newest findings on {e}? | recent research {e}", "{e} recent research", "A team in {v} has published new results on {e}.", "A team in {v} has published new results on {e}.", "Kyoto|Leiden|Bristol|Cordoba|Uppsala|Pune|Grenoble"),
        A("What is {e} used for? | Why does {e} matter?", "{e} importance uses", "{e} matters for {v}.", "It matters for {v}.", "&medicine|farming|space travel|energy|weather forecasts|computers|safety"),
    )),
    T("the Silk Road|World War I|the French Revolution|the Industrial Revolution|the Roman Empire|the Cold War|the Maya|the Vikings|the Black Death|the Ottoman Empire|the moon landing|ancient Egypt", (
        A("When did {e} begin? | What is the start date of {e}?", "{e} beginning date", "Many textbooks let {e} begin in the {v}.", "Many textbooks date the beginning to the {v}.", "second century|eighth century|spring of that year|late Middle Ages|reign of a young king|early dry season"),
        A("What led to {e}? | Why did {e} happen? | causes of {e}", "{e} causes", "Historians explain {e} by {v}.", "Historians explain {e} by {v}.", "&trade|hunger|new inventions|rival powers|high taxes|religion|migration"),
        A("How did {e} influence the world? | What is the legacy of {e}? | significance of {e}", "{e} legacy", "The legacy of {e} can be seen in {v}.", "Its legacy can be seen in {v}.", "&modern law|art|borders|language|city plans|science|food"),
        A("Which museum shows objects of {e}?", "{e} museum exhibition", "A new exhibition on {e} opened in {v}.", "An exhibition on {e} opened in {v}.", "Dresden|Leeds|Naples|Ottawa|Krakow|Bergen"),
    )),
    T("wedding|birthday party|road trip|job interview|small kitchen|first apartment|camping weekend|dog puppy|science project|winter wardrobe|home office|vegetable garden", (
        A("What do I need for a {e}? | checklist for a {e}", "{e} checklist", "The most important items for a {e}: {v}.", "The most important things are {v}.", "&a clear budget|a long list|early booking|good light|warm clothes|strong boxes|spare time"),
        A("How much does a {e} cost on average?", "average cost of a {e}", "On average people spend {v} dollars on a {e}.", "On average people spend {v} dollars on it.", "80..14000"),
        A("What ideas are there for a {e}? | Recommend something for a {e}. | inspiration for a {e}", "{e} ideas", "Popular this year for a {e}: {v}.", "Popular this year: {v}.", "&bright colors|local food|old furniture|wooden signs|paper lamps|wild flowers"),
    )),
)
