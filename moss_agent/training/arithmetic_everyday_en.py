"""More English computations: the same situations as in the equation problems, but with everything known."""

# ruff: noqa: E501  (a table: one row, one line)
# fmt: off

from __future__ import annotations

from .story import Story as S

STORIES: tuple[S, ...] = (
    S("a=3..40 b=3..40 p=5|10|20 q=25|50", "{name} has {a} coins of {p} cents and {b} coins of {q} cents.", "How many cents is that? | What are they worth together?", "{a}*{p}+{b}*{q}", "They are worth {r} cents.", "both numbers of coins are known, multiply and add"),
    S("a=3..40 b=3..40", "A parking lot has {a} motorcycles and {b} cars. | {a} bikes and {b} cars stand in a garage.", "How many wheels are there? | Count the wheels.", "2*{a}+4*{b}", "There are {r} wheels.", "the numbers of vehicles are known, add up the wheels"),
    S("x=8..30 y=1..12 p=3..6 q=1|2", "In a quiz {name} had {x} right answers worth {p} points and {y} wrong ones that cost {q} points.", "What is the score? | How many points is that?", "{x}*{p}-{y}*{q}", "The score is {r} points.", "the right and wrong answers are known, so compute the points"),
    S("a=10..40 k=2..5", "{name} is {a} years old and the grandfather is {k} times as old.", "How old is the grandfather?", "{a}*{k}", "The grandfather is {r} years old.", "the age is known, so multiply"),
    S("v=40..90:5 w=40..90:5 t=2..8", "Two trains start toward each other at {v} and {w} km/h and meet after {t} hours.", "How far apart were they at the start? | What was the distance between the stations?", "({v}+{w})*{t}", "They were {r} km apart.", "speeds and time are known, so multiply"),
    S("v=40..80:10 w=90..120:10 t=2..6", "A truck drives {v} km/h and a car {w} km/h in the same direction.", "How far ahead is the car after {t} hours? | What is the gap after {t} hours?", "({w}-{v})*{t}", "The gap is {r} km.", "difference of the speeds times time"),
    S("x=10..40 y=2..8 t=2..6", "A boat makes {x} km/h in still water, the current is {y} km/h.", "How far does it get downstream in {t} hours? | What distance does it cover with the current in {t} hours?", "({x}+{y})*{t}", "It gets {r} km far.", "add the current to the speed and multiply by time"),
    S("x=10..40 y=2..8 t=2..6", "A boat makes {x} km/h in still water against a current of {y} km/h.", "How far does it get upstream in {t} hours?", "({x}-{y})*{t}", "It gets {r} km far.", "subtract the current and multiply by time"),
    S("x=20..400:5 k=10|20|25|30|40", "A shop buys a {item} for {x} dollars and wants {k}% profit.", "What is the selling price? | At what price must it be sold?", "{x}*(1+{k}/100)", "The selling price is {r} dollars.", "the cost is known, so add the percentage"),
    S("x=1000..5000:50 k=3|5|10|20", "{name} earns {x} dollars and gets a raise of {k}%.", "What is the new salary? | How much is it after the raise?", "{x}*(1+{k}/100)", "The new salary is {r} dollars.", "the old salary is known, so add the percentage"),
    S("a=5..60 b=5..60 p=10|15|20 q=40|50", "{a} liters of a {p}% solution are mixed with {b} liters of a {q}% solution.", "What is the concentration of the mixture in percent? | What percentage does the mixture have?", "({a}*{p}+{b}*{q})/({a}+{b})", "The mixture has about {r}%.", "amounts are known, so compute the weighted average"),
    S("a=2..9 b=2..9 p=2..30 q=2..30", "{name} buys {a} {things} at {p} dollars each and {b} {things2} at {q} dollars each.", "What is the total? | How much is it altogether?", "{a}*{p}+{b}*{q}", "The total is {r} dollars.", "both prices are known, multiply and add"),
    S("x=20..80 y=20..80", "Two angles of a triangle are {x} and {y} degrees.", "How large is the third angle? | What is the third one?", "180-{x}-{y}", "The third angle is {r} degrees.", "the angles add up to 180"),
    S("n=3..20", "=", "=What is the sum of the angles of a polygon with {n} sides? | =Interior angle sum of a {n}-gon?", "({n}-2)*180", "The sum is {r} degrees.", "the formula is (n-2) times 180"),
    S("x=5..60 a=2..6 b=2..30", "Each of {x} children gets {a} {things} and {b} are left over.", "How many {things} were there? | What was the number of {things}?", "{x}*{a}+{b}", "There were {r}.", "the number of children is known, multiply and add"),
    S("x=3..20 y=3..40 p=40..120:10 q=10..35:5", "{place} buys {x} tables at {p} dollars and {y} chairs at {q} dollars.", "What does it cost? | What is the total price?", "{x}*{p}+{y}*{q}", "It costs {r} dollars.", "numbers and prices are known, multiply and add"),
    S("x=500..9000:100 y=500..9000:100 p=2|3|4 q=5|6|8", "{name} invests {x} dollars at {p}% and {y} dollars at {q}%.", "How much interest is that in a year? | What is the yearly interest?", "{x}*{p}/100+{y}*{q}/100", "The interest is {r} dollars.", "both amounts are known, add the interest"),
    S("x=2..9 a=30..60:5 b=3..12", "A taxi costs {b} dollars plus {x} dollars per kilometer.", "How much is a ride of {a} km? | What does a trip of {a} km cost?", "{b}+{x}*{a}", "The ride costs {r} dollars.", "base fee plus distance times price"),
    S("x=8..40 y=8..40", "A hall has {x} rows with {y} seats each.", "How many seats are there? | How many people can sit there?", "{x}*{y}", "There are {r} seats.", "rows times seats per row"),
    S("n=5..40", "{n} people meet and each shakes hands with every other once. | {n} teams each play each other once.", "How many handshakes or games are there? | How many are there in all?", "{n}*({n}-1)/2", "There are {r}.", "the number is known: n times n-1 over 2"),
    S("w=2..12 d=1..8 l=0..9", "A team wins {w} games (3 points each), draws {d} (1 point) and loses {l}.", "How many points does it have? | What is its point total?", "{w}*3+{d}", "It has {r} points.", "wins and draws are known, so add the points"),
    S("a=2..9 b=10..60", "{name} types {b} words a minute for {a} minutes.", "How many words is that?", "{a}*{b}", "That is {r} words.", "words per minute times minutes"),
    S("a=60..240 b=3..12", "A {job} works {a} minutes on each of {b} orders.", "How many hours is that in total? | How many hours are needed?", "{a}*{b}/60", "It takes about {r} hours.", "multiply and divide by 60"),
    S("a=3..30 b=2..9 c=3..12", "{a} workers each make {b} {things} an hour.", "How many do they make in {c} hours? | What is the output after {c} hours?", "{a}*{b}*{c}", "They make {r}.", "workers times rate times hours"),
    S("a=1200..3600:50 b=300..900:10 c=100..400:10 d=50..200:10", "{name} earns {a} dollars and pays {b} for rent, {c} for food and {d} for transport.", "How much is left? | What remains at the end of the month?", "{a}-{b}-{c}-{d}", "{r} dollars are left.", "subtract all costs"),
    S("a=30..90 b=30..90 c=2..5", "The mean of two numbers is asked: {a} counts {c} times and {b} once.", "What is the weighted mean? | Compute the weighted average.", "({a}*{c}+{b})/({c}+1)", "The weighted mean is about {r}.", "weight the values and divide by the weights"),
    S("a=1990..2005 b=2010..2030", "{name} was born in {a}.", "How old will {name} be in {b}? | What age is that in {b}?", "{b}-{a}", "{name} will be {r}.", "subtract the year of birth"),
    S("a=3..12 b=3..12 c=1..3", "A garden of {a} m by {b} m has a path of {c} m all around it.", "What is the area of garden and path? | How large is it with the path?", "({a}+2*{c})*({b}+2*{c})", "It is {r} square meters.", "add the path on both sides and multiply"),
    S("a=5..50 b=2..20", "=", "=A {item} rental costs {a} dollars for the first day and {b} for each further one. What do 7 days cost?", "{a}+6*{b}", "7 days cost {r} dollars.", "first day plus six further days"),
)
