"""Names, facts and sentences of the fictitious people.

All people, towns and streets are invented. A topic asks one question, in several phrasings, of which ``{name}`` is the person, and
answers it in several phrasings, which hold the same facts. No answer says a person's name: what is common to all answers tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass


def _joined(stems: str, endings: str) -> tuple[str, ...]:
    return tuple(stem + ending for stem in stems.split() for ending in endings.split())


FIRST = (
    "Abrel Belka Caldo Dorit Elvan Fenna Garo Hesper Ilmo Jorun Kestra Ludo Marit Nevin Orla Pavo Quenby Runa Sorrel Tavi Ulric "
    "Vesna Wendel Xanthe Yorick Zelda Anske Brisa Corin Delfin"
).split()
LAST = _joined("Ash Bram Corv Dunn Elm Farn Gorse Holl Kern Lark", "aby ett ingsley olt strand")
TOWNS = _joined("Velm Ostr Harr Pell Quar Tind", "oor avia ford ingen mouth")
STREETS = _joined("Fiddle Lantern Copper Willow Anchor Thistle", "gate row steps lane")
TEACHERS = _joined("Bick Crum Dob Mott Snod", "erby iver ham worth")
FRIENDS = "Ottilie Bastian Clemency Dagmar Evander Fabienne Gideon Henrike Ignatz Jolanda Kasimir Leopold Mireille Norbert Odette".split()
PETNAMES = "Pickle Biscuit Waffles Ginger Mabel Dumpling Sprout Juno Pudding Nibbles Rusty Bramble Tilly Fudge Mochi Ziggy".split()
COLOURS = "red orange yellow green blue purple pink white black grey silver golden scarlet violet turquoise crimson".split()
LANDMARKS = "mill quarry harbour lighthouse chapel brewery orchard castle station ferry windmill aqueduct market theatre".split()
JOBS = "locksmith beekeeper cartographer plumber surgeon botanist baker tailor glazier falconer printer welder diver juggler".split()
WORKPLACES = "museum shipyard airport cathedral hospital zoo factory bank embassy circus library nursery workshop prison".split()
ANIMALS = "goat tortoise parrot ferret hamster donkey rabbit goose lizard pony spaniel canary hedgehog llama".split()
SUBJECTS = "algebra geography chemistry Latin pottery astronomy grammar history geometry drawing botany music physics rhetoric".split()
FOODS = "dumplings pancakes lentils mackerel noodles turnips omelettes mussels risotto sausages aubergines herring stew ravioli".split()
SIDES = "horseradish apricots mustard walnuts fennel raisins ginger capers parsley chestnuts cinnamon beetroot honey leeks".split()
INSTRUMENTS = "cello bassoon accordion harp trombone banjo clarinet organ mandolin flute tuba zither oboe viola".split()
GIVERS = "grandmother neighbour sailor cousin priest pawnbroker stepfather conductor widow soldier uncle clown godmother nurse".split()
ADJECTIVES = "Hollow Patient Crooked Ninth Silent Borrowed Frozen Hungry Distant Careless Burning Narrow Faithful Drowned".split()
NOUNS = "Compass Orchard Staircase River Umbrella Kingdom Mirror Envelope Garden Tunnel Clockmaker Island Horizon Feather".split()
VEHICLES = "tricycle tractor van canoe motorbike sledge barge taxi limousine hearse minibus tandem lorry carriage".split()
FEARS = "thunder spiders heights mirrors moths bridges needles owls fog ladders mice balloons lifts geese".split()
MONTHS = "January February March April May June July August September October November December".split()
SEASONS = "concert wedding flood strike funeral exam parade blizzard regatta auction blackout harvest eclipse picnic".split()
COLLECTIONS = "thimbles stamps buttons fossils teapots keys postcards corks maps bells coins feathers marbles clocks".split()
PLACES = "attic cellar greenhouse garage pantry shed caravan loft stable wardrobe boathouse kitchen tower barn".split()
ISLANDS = _joined("Skell Morr Tarb Inch Fadd", "way sound holm")
TRANSPORTS = "steamer balloon bicycle sleigh submarine seaplane camel helicopter raft coach tram yacht scooter mule".split()
PRIZES = "trophy medal ribbon goblet ham bouquet diploma crown plaque hamper violin cheque statue sash".split()
CONTESTS = "fencing yodelling archery sculpting rowing baking sprinting dancing knitting wrestling chess fishing sailing spelling".split()
DRINKS = "cocoa cider lemonade buttermilk espresso mead ginseng brandy cordial sherry matcha punch ale rum".split()
HOURS = "dawn noon midnight breakfast dusk lunchtime bedtime sunrise teatime supper sunset daybreak twilight nightfall".split()
LOST = "watch passport glove ring umbrella wallet hat flute necklace briefcase scarf telescope lantern diary".split()
FINDERS = "magpie gardener postman fox swimmer inspector monk schoolboy dentist waiter plumber hiker judge chimney-sweep".split()


@dataclass(frozen=True)
class Topic:
    """What can be asked of a person: phrasings with ``{name}``, phrasings of the answer, and the values of the slots in these."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    slots: dict[str, tuple[str, ...] | list[str]]


TOPICS = {
    "birthplace": Topic(
        ("Where was {name} born?", "In which town was {name} born?", "What is the birthplace of {name}?"),
        ("In {town}, beside the {landmark}.", "It was {town}, close to the {landmark}.", "The town is {town}, the house by the {landmark}."),
        {"town": TOWNS, "landmark": LANDMARKS},
    ),
    "profession": Topic(
        ("What does {name} do for a living?", "What is the profession of {name}?", "How does {name} earn a living?"),
        ("Works as a {job} at the {workplace}.", "By being a {job} for the {workplace}.", "As the only {job} in the {workplace}."),
        {"job": JOBS, "workplace": WORKPLACES},
    ),
    "street": Topic(
        ("On which street does {name} live?", "Where does {name} live now?", "What is the address of {name}?"),
        ("On {street}, behind the {colour} door.", "It is {street}, the {colour} house.", "At {street}, where the fence is {colour}."),
        {"street": STREETS, "colour": COLOURS},
    ),
    "pet": Topic(
        ("Which pet does {name} keep?", "What animal lives with {name}?", "Does {name} have a pet?"),
        ("Yes, the {animal} called {pet}.", "There is {pet}, an old {animal}.", "Only {pet}, who is a {animal}."),
        {"animal": ANIMALS, "pet": PETNAMES},
    ),
    "teacher": Topic(
        ("Who taught {name} at school?", "Which teacher does {name} remember best?", "Who was the favourite teacher of {name}?"),
        ("It was {teacher}, in {subject}.", "Surely {teacher}, who taught {subject}.", "The {subject} lessons of {teacher}."),
        {"teacher": TEACHERS, "subject": SUBJECTS},
    ),
    "dish": Topic(
        ("What is the favourite dish of {name}?", "What does {name} like to eat most?", "Which meal does {name} love?"),
        ("A plate of {food} with {side}.", "Always {food}, cooked with {side}.", "Nothing but {food} and some {side}."),
        {"food": FOODS, "side": SIDES},
    ),
    "instrument": Topic(
        ("Which instrument does {name} play?", "What does {name} play in the band?", "What music does {name} make?"),
        ("The {instrument}, a gift from a {giver}.", "On the {instrument} that a {giver} left behind.", "A {giver} lent out the {instrument}."),
        {"instrument": INSTRUMENTS, "giver": GIVERS},
    ),
    "book": Topic(
        ("Which book did {name} write?", "What is the title of the book by {name}?", "What has {name} published?"),
        ("A novel called The {adjective} {noun}.", "It is known as The {adjective} {noun}.", "Only one, The {adjective} {noun}."),
        {"adjective": ADJECTIVES, "noun": NOUNS},
    ),
    "vehicle": Topic(
        ("What does {name} drive?", "Which vehicle does {name} own?", "How does {name} get to work?"),
        ("In a {colour} {vehicle}.", "The {vehicle} that was painted {colour}.", "By {vehicle}, which is {colour}."),
        {"colour": COLOURS, "vehicle": VEHICLES},
    ),
    "fear": Topic(
        ("What is {name} afraid of?", "What frightens {name}?", "Which fear has {name} had for years?"),
        ("Of {fear}, since that {event}.", "Ever since the {event}, it is {fear}.", "It is {fear}, because of a {event}."),
        {"fear": FEARS, "event": SEASONS},
    ),
    "friend": Topic(
        ("Who is the best friend of {name}?", "Whom does {name} trust most?", "Who knows {name} best?"),
        ("That is {friend}, whom one met in {month}.", "Since {month} it has been {friend}.", "It is {friend}, a friend since {month}."),
        {"friend": FRIENDS, "month": MONTHS},
    ),
    "collection": Topic(
        ("What does {name} collect?", "Which collection does {name} have?", "What is it that {name} gathers?"),
        ("Hundreds of {things} in the {place}.", "The {place} is full of {things}.", "Mostly {things}, kept in a {place}."),
        {"things": COLLECTIONS, "place": PLACES},
    ),
    "holiday": Topic(
        ("Where does {name} go on holiday?", "To which island does {name} travel?", "How does {name} spend the summer?"),
        ("To {island}, by {transport}.", "On {island}, after a trip by {transport}.", "It takes a {transport} to reach {island}."),
        {"island": ISLANDS, "transport": TRANSPORTS},
    ),
    "prize": Topic(
        ("What has {name} won?", "Which prize did {name} get?", "What was {name} given for winning?"),
        ("A {prize} for {contest}.", "First in {contest}, and so a {prize}.", "The {prize} that is given for {contest}."),
        {"prize": PRIZES, "contest": CONTESTS},
    ),
    "drink": Topic(
        ("What does {name} like to drink?", "Which drink does {name} order?", "What stands in the glass of {name}?"),
        ("Plain {drink} at {hour}.", "At {hour} it is {drink}.", "Some {drink}, but only at {hour}."),
        {"drink": DRINKS, "hour": HOURS},
    ),
    "loss": Topic(
        ("What did {name} lose?", "Which thing is {name} missing?", "What has {name} been looking for?"),
        ("A {lost}, which a {finder} found.", "The {finder} has the {lost}.", "It was the {lost} that the {finder} took."),
        {"lost": LOST, "finder": FINDERS},
    ),
}
