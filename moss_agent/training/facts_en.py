"""English facts about named things; the values are invented, so that they have to be read from the hits."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

from .facts import Attribute as A
from .facts import Topic as T

TOPICS: tuple[T, ...] = (
    T("Paris|Berlin|Nairobi|Toronto|Lima|Osaka|Cairo|Vienna|Sydney|Mumbai|Oslo|Lisbon|Seoul|Chicago|Prague|Havana|Shanghai|Accra|Dublin|Hanoi|Denver|Zurich|Bogota|Riga", (
        A("What is the population of {e}? | How many people live in {e}? | population {e}", "{e} population", "About {v} people live in {e}, according to the latest count. | {e} has a population of {v}.", "{e} has about {v} inhabitants. | About {v} people live in {e}.", "200000..9800000"),
        A("Who is the mayor of {e}? | Tell me the current mayor of {e}.", "{e} mayor | current mayor of {e}", "{v} has been mayor of {e} since the last election. | The mayor of {e}, {v}, opened the new bridge.", "The mayor of {e} is {v}.", "@person"),
        A("What is {e} famous for? | Why do tourists visit {e}? | What should I see in {e}?", "{e} sights | {e} famous for", "{e} is famous for {v}. | Visitors come to {e} mainly for {v}.", "{e} is famous for {v}.", "&its old harbor|its street food|its jazz clubs|its parks|its museums|its night markets|its cathedral|its hot springs|its beaches"),
        A("How is the weather in {e} right now? | What's the weather like in {e} today? | {e} weather forecast", "{e} weather today", "Weather in {e} today: {v}. | Forecast for {e}: {v}, light wind.", "The weather in {e} today: {v}.", "sunny, 24 degrees|cloudy, 15 degrees|rain, 11 degrees|snow, -2 degrees|windy, 18 degrees|fog, 9 degrees|thunderstorms, 27 degrees"),
        A("How do I get from the airport to the center of {e}? | Best way from {e} airport to downtown?", "{e} airport transfer to center", "From the airport of {e} {v} reaches the center fastest.", "From the airport, {v} is the fastest way into {e}.", "the express train|bus line 9|the metro line 2|a shared taxi|the airport tram"),
        A("When was the metro of {e} opened? | Since when does {e} have a subway?", "{e} metro opening year", "The first metro line of {e} opened in {v}.", "The metro of {e} opened in {v}.", "1890..2015"),
    )),
    T("Japan|Brazil|Kenya|Norway|India|Canada|Egypt|Mexico|Poland|Vietnam|Chile|Turkey|Spain|Ghana|Sweden|Peru|Thailand|Greece|Morocco|Austria|Finland|Nepal", (
        A("What is the current economic situation in {e}? | How is the economy of {e} doing? | {e} GDP growth", "{e} economy GDP growth", "The economy of {e} grew by {v} percent last year.", "The economy of {e} grew by {v} percent last year.", "0.4..7.9"),
        A("What is the main export of {e}? | What does {e} export most?", "{e} main export", "The most important exports of {e} are {v}.", "{e} mainly exports {v}.", "&coffee|machines|oil|cars|fish|textiles|copper|fruit|chemicals|electronics"),
        A("What is the highest mountain in {e}? | Which peak is the highest in {e}?", "{e} highest mountain", "At {v} meters, the highest peak of {e} attracts climbers.", "The highest peak of {e} is {v} meters high.", "1200..6900"),
        A("What is the state of renewable energy in {e}? | How much renewable energy does {e} use? | Renewable energy status in {e}", "renewable energy status in {e}", "Renewable sources provide {v} percent of the electricity in {e}.", "Renewable energy covers {v} percent of the electricity in {e}.", "8..92"),
        A("Do I need a visa for {e}? | What are the visa rules of {e}?", "{e} visa rules", "Tourists may stay in {e} for {v} days without a visa.", "You can stay in {e} for {v} days without a visa.", "14|30|45|60|90"),
        A("What is the education system like in {e}? | How long is compulsory school in {e}?", "{e} compulsory education", "School in {e} is compulsory for {v} years.", "School is compulsory in {e} for {v} years.", "8..13"),
        A("What traditional dish does {e} have? | Which national dish should I try in {e}?", "{e} national dish", "The best-known dish of {e} is {v}.", "The best-known dish of {e} is {v}.", "a stew with beans|grilled fish with rice|filled dumplings|a spicy noodle soup|flat bread with lamb|a sweet corn cake"),
    )),
    T("Apple|Tesla|Samsung|Toyota|Netflix|IKEA|Adidas|Nokia|Spotify|Siemens|Amazon|Nestle|Boeing|Sony|Lego|Intel|Huawei|Airbus|Zara|Philips", (
        A("When was {e} founded? | In which year did {e} start? | founding year of {e}", "{e} founding year", "{e} was founded in {v} by a small team.", "{e} was founded in {v}.", "1865..2008"),
        A("Who is the CEO of {e}? | Who runs {e} now?", "{e} CEO", "{v} took over as CEO of {e}. | The head of {e}, {v}, presented the plans.", "The CEO of {e} is {v}.", "@person"),
        A("How many employees does {e} have? | How many people work at {e}?", "{e} number of employees", "{e} employs {v} people worldwide.", "{e} has {v} employees.", "6000..390000"),
        A("What was the revenue of {e} last year? | How much money did {e} make?", "{e} annual revenue", "The revenue of {e} reached {v} billion dollars.", "The revenue of {e} was {v} billion dollars.", "3..410"),
        A("Where is the headquarters of {e}? | In which city is {e} based?", "{e} headquarters", "The headquarters of {e} is located in {v}.", "{e} has its headquarters in {v}.", "Lyon|Austin|Munich|Osaka|Turin|Boston|Leeds|Ghent|Porto|Busan|Malmo"),
        A("What are the newest products of {e}? | What did {e} launch recently?", "{e} new products", "{e} has just presented {v}.", "{e} recently presented {v}.", "&a smart watch|an electric van|a new app|a home robot|wireless headphones|a cheaper tablet|a solar charger"),
        A("What are people saying about {e}? | Is {e} a good employer?", "{e} employee reviews", "In reviews, employees of {e} praise {v}.", "Employees of {e} praise {v}.", "&the pay|flexible hours|the training|the canteen|the team spirit|the holidays"),
    )),
    T("Marie Curie|Leonardo da Vinci|Frida Kahlo|Isaac Newton|Nelson Mandela|Ada Lovelace|Charles Darwin|Mozart|Amelia Earhart|Gandhi|Pele|Jane Austen|Nikola Tesla|Cleopatra|Galileo|Rosa Parks|Picasso|Bruce Lee", (
        A("Who was {e}? | Tell me about {e}. | Can you introduce {e}?", "{e} biography", "{e} is remembered above all for {v}.", "{e} is remembered above all for {v}.", "&great courage|new ideas|hard work|famous letters|bold experiments|many travels|a strong will"),
        A("Who taught {e}? | Who was the teacher of {e}?", "{e} teacher", "As a child, {e} was taught by {v}.", "{e} was taught by {v}.", "@person"),
        A("Where did {e} live as a child? | In which town did {e} grow up?", "{e} childhood home", "{e} spent the early years in {v}.", "{e} spent the early years in {v}.", "a village by the sea|a small mountain town|the old capital|a house near the market|a farm in the north"),
        A("What is the most famous quote of {e}? | What did {e} say about learning?", "{e} famous quote", "A quote ascribed to {e}: \"{v}\"", "A quote ascribed to {e} is \"{v}\".", "Never stop asking.|Work is its own reward.|Look closely and wait.|Courage grows with use.|Small steps go far."),
        A("Is there a museum about {e}? | Where can I visit a museum for {e}?", "{e} museum", "A museum about {e} opened in {v} and shows letters and pictures.", "There is a museum about {e}, opened in {v}.", "1921..2019"),
    ), "this person"),
    T("Titanic|Inception|The Lion King|Frozen|Parasite|Avatar|Casablanca|Jaws|Coco|Gladiator|Amelie|Rocky|Up|Psycho|Interstellar|Shrek", (
        A("Who directed the film {e}? | Who is the director of {e}?", "{e} film director", "The film {e} was directed by {v}.", "{e} was directed by {v}.", "@person"),
        A("How long is the movie {e}? | What is the running time of {e}?", "{e} movie running time", "Running time of {e}: {v} minutes.", "{e} runs for {v} minutes.", "84..198"),
        A("How much did {e} earn at the box office? | What were the takings of the film {e}?", "{e} box office", "{e} earned {v} million dollars worldwide.", "{e} earned {v} million dollars.", "12..980"),
        A("Is {e} a good movie? | What rating does {e} have? | Should I watch {e}?", "{e} movie rating", "Viewers rate {e} {v} out of 10 on average.", "Viewers give {e} {v} out of 10, so it seems worth watching.", "5.1..9.3"),
        A("What is the movie {e} about? | plot of {e}", "{e} plot", "{e} tells of {v}.", "{e} tells of {v}.", "&a lost family|a long journey|an impossible love|a hidden treasure|a brave friend|a broken promise|a secret plan"),
        A("Where was {e} filmed? | What are the filming locations of {e}?", "{e} filming location", "Most scenes of {e} were shot in {v}.", "{e} was mostly filmed in {v}.", "a studio in Prague|the Scottish hills|southern Spain|a harbor in Malta|the desert of Jordan|New Zealand"),
    )),
    T("Pride and Prejudice|Don Quixote|The Little Prince|Moby Dick|Dracula|1984|Frankenstein|The Hobbit|Emma|War and Peace|Dune|Heidi|Ulysses|Momo", (
        A("Who published the book {e}? | Who was the first publisher of {e}?", "{e} first publisher", "The novel {e} was first published by {v}.", "{e} was first published by {v}.", "Harbor Press|Finch & Sons|Lantern House|Mill Street Books|North Gate Press"),
        A("How many pages does {e} have? | How long is the book {e}?", "{e} book pages", "The common edition of {e} has {v} pages.", "{e} has {v} pages in the common edition.", "96..1280"),
        A("How many languages has {e} been translated into?", "{e} translations number", "{e} has been translated into {v} languages.", "{e} has been translated into {v} languages.", "20..300"),
        A("What is the main theme of {e}? | What does the novel {e} deal with?", "{e} novel themes", "Critics see {v} as the themes of {e}.", "The main themes of {e} are {v}.", "&freedom|love|guilt|friendship|power|memory|loneliness|pride"),
        A("Which books are similar to {e}? | Recommend something like {e}.", "books similar to {e}", "Readers who liked {e} also enjoy {v}.", "If you liked {e}, try {v}.", "&The Glass Orchard|Winter Road|The Silent Bell|House of Tides|A Map of Salt"),
    )),
    T("iPhone 14|Galaxy S23|Kindle|PlayStation 5|Nintendo Switch|MacBook Air|GoPro Hero|Pixel 7|Surface Pro|Xbox Series X|Model Y|Roomba|Fitbit Charge", (
        A("What's the price of the {e}? | How much does a {e} cost? | {e} price", "{e} price", "The {e} is currently sold for {v} dollars.", "The {e} costs {v} dollars at the moment.", "79..1590"),
        A("How long does the battery of the {e} last?", "{e} battery life", "In our test the battery of the {e} lasted {v} hours.", "The battery of the {e} lasts about {v} hours.", "4..40"),
        A("Is the {e} worth buying? | Pros and cons of the {e}? | {e} review", "{e} review pros and cons", "Testers of the {e} like {v}.", "Testers of the {e} like {v}.", "&the display|the light weight|the fast chip|the sound|the low noise|the camera|the simple setup"),
        A("When did the {e} come out? | release date of the {e}", "{e} release date", "The {e} went on sale in {v}.", "The {e} was released in {v}.", "March 2021|May 2022|October 2020|September 2022|June 2023|November 2019"),
        A("How much does the {e} weigh?", "{e} weight", "The {e} weighs {v} grams.", "The {e} weighs {v} grams.", "120..4500"),
    )),
    T("Real Madrid|Manchester United|the Lakers|Bayern Munich|the Yankees|Liverpool|Ajax|Juventus|the Chicago Bulls|Boca Juniors|Celtic|the Toronto Raptors", (
        A("Who is the coach of {e}? | Who coaches {e} this season?", "{e} coach", "{v} signed as the new coach of {e}.", "{v} coaches {e}.", "@person"),
        A("How did {e} play last night? | What was the last result of {e}?", "{e} latest result", "{e} ended the match {v} after a hard fight.", "{e}'s last match ended {v}.", "2-1|3-0|1-1|0-2|4-3|98-95|110-104"),
        A("How many seats does the stadium of {e} have?", "{e} stadium capacity", "The home stadium of {e} holds {v} fans.", "The stadium of {e} holds {v} fans.", "15000..99000"),
        A("Who is the top scorer of {e}? | Which player scored most for {e}?", "{e} top scorer", "{v} leads the scoring list of {e}.", "The top scorer of {e} is {v}.", "@person"),
        A("How many titles has {e} won? | number of championships of {e}", "{e} titles won", "{e} has won the league {v} times.", "{e} has won the league {v} times.", "3..38"),
    )),
    T("green tea|avocado|quinoa|garlic|dark chocolate|blueberries|yogurt|ginger|almonds|spinach|honey|salmon|oats|turmeric|kiwi", (
        A("What are the health benefits of {e}? | Is {e} healthy? | Why should I eat {e}?", "{e} health benefits", "Studies link {e} to {v}.", "According to studies, {e} is linked to {v}.", "&better sleep|lower blood pressure|a stronger immune system|healthy skin|better digestion|more energy|less inflammation"),
        A("How many calories are in 100 g of {e}? | calories of {e}", "{e} calories per 100 g", "100 g of {e} contain {v} kcal.", "100 g of {e} contain {v} kcal.", "20..620"),
        A("Where does {e} come from? | What is the origin of {e}?", "{e} origin", "Historians place the origin of {e} in {v}.", "{e} is said to come from {v}.", "Central Asia|the Andes|the Mediterranean|southern China|East Africa|northern Europe"),
        A("How should I store {e}? | How do I keep {e} fresh?", "how to store {e}", "{e} stays fresh longest {v}.", "{e} stays fresh longest {v}.", "in a dark, dry place|in the fridge in a closed box|wrapped in paper|in a glass jar|at room temperature"),
    )),
    T("the blue whale|the cheetah|the koala|the giant panda|the octopus|the polar bear|the honey bee|the elephant|the barn owl|the red fox|the sea turtle|the hedgehog|the axolotl", (
        A("How long does {e} live? | What is the lifespan of {e}?", "{e} lifespan", "In the wild {e} lives about {v} years.", "{e} lives about {v} years.", "2..95"),
        A("What does {e} eat? | diet of {e}", "{e} diet", "The diet of {e} consists of {v}.", "The diet of {e} consists of {v}.", "&small fish|insects|leaves|fruit|seeds|crabs|plankton|grass"),
        A("Is {e} endangered? | How many of {e} are left?", "{e} population endangered", "Experts estimate that {v} animals of {e} remain.", "About {v} animals of {e} remain, experts estimate.", "900..260000"),
        A("How fast can {e} move? | top speed of {e}", "{e} top speed", "The top speed of {e} is {v} km/h.", "{e} reaches {v} km/h.", "3..112"),
        A("Where does {e} live? | habitat of {e}", "{e} habitat", "The habitat of {e} includes {v}.", "{e} lives in {v}.", "&forests|grassland|coastal waters|mountain valleys|wetlands|islands|deserts"),
    )),
    T("the Eiffel Tower|the Louvre|the Golden Gate Bridge|Machu Picchu|the Colosseum|Big Ben|the Taj Mahal|Neuschwanstein|the Burj Khalifa|the Statue of Liberty|the Sagrada Familia|the Acropolis", (
        A("How many people visit {e} each year? | visitors of {e} per year", "{e} visitors per year", "Every year {v} people visit {e}.", "{v} people visit {e} every year.", "210000..9700000"),
        A("How much is a ticket for {e}? | entrance fee of {e}", "{e} ticket price", "An adult ticket for {e} costs {v} euros.", "A ticket for {e} costs {v} euros.", "6..48"),
        A("When does {e} open? | What are the opening hours of {e}?", "{e} opening hours", "{e} is open daily from {v}.", "{e} is open daily from {v}.", "8 am to 5 pm|9 am to 6 pm|10 am to 8 pm|9:30 am to 4:30 pm"),
        A("Who designed {e}? | Who was the builder of {e}?", "{e} architect", "The plans of {e} were drawn by {v}.", "The plans of {e} were drawn by {v}.", "@person"),
        A("What is the best time to visit {e}?", "best time to visit {e}", "Guides recommend {v} for {e}.", "{v} is recommended for visiting {e}.", "early spring|late September|a weekday morning|the hours before sunset|November"),
    )),
    T("Oxford University|MIT|Stanford|the University of Tokyo|ETH Zurich|Yale|Harvard|McGill|the Sorbonne|Cambridge|Tsinghua University|Princeton", (
        A("How many students does {e} have?", "{e} number of students", "{v} students are enrolled at {e}.", "{e} has {v} students.", "4500..68000"),
        A("What is the ranking of {e}? | How good is {e}?", "{e} world ranking", "{e} takes place {v} in the new world ranking.", "{e} is number {v} in the world ranking.", "1..140"),
        A("What are the tuition fees at {e}? | How expensive is {e}?", "{e} tuition fees", "One year at {e} costs {v} dollars in fees.", "{e} charges {v} dollars a year.", "1200..62000"),
        A("Who is the president of {e}?", "{e} president", "{v} was named president of {e}.", "The president of {e} is {v}.", "@person"),
        A("What is {e} best known for? | strongest subjects at {e}", "{e} strongest subjects", "{e} is known for its work in {v}.", "{e} is known for {v}.", "&physics|medicine|law|economics|robotics|history|design|biology"),
    )),
)
