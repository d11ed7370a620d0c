"""Names, facts and sentences of the fictitious people.

All people, towns and streets are invented. A topic asks one question about the person ``{name}``,
in several phrasings, and answers it in several phrasings, which hold the same facts. Answers are
mostly facts and never say the person's name: words that all answers share, or that are in the
question, are easily guessed.
"""

from __future__ import annotations

from dataclasses import dataclass


def _joined(stems: str, endings: str) -> tuple[str, ...]:
    return tuple(stem + ending for stem in stems.split() for ending in endings.split())


FIRST = (
    "Abrel Belka Caldo Dorit Elvan Fenna Garo Hesper Ilmo Jorun Kestra Ludo Marit Nevin Orla Pavo "
    "Quenby Runa Sorrel Tavi Ulric Vesna Wendel Xanthe Yorick Zelda Anske Brisa Corin Delfin"
).split()
LAST = _joined("Ash Bram Corv Dunn Elm Farn Gorse Holl Kern Lark", "aby ett ingsley olt strand")
TOWNS = _joined("Velm Ostr Harr Pell Quar Tind", "oor avia ford ingen mouth")
STREETS = _joined("Fiddle Lantern Copper Willow Anchor Thistle", "gate row steps lane")
TEACHERS = _joined("Bick Crum Dob Mott Snod Twill", "erby iver ham worth")
ISLANDS = _joined("Skell Morr Tarb Inch Fadd Rous Hirt", "way sound holm")

FRIENDS = (
    "Ottilie Bastian Clemency Dagmar Evander Fabienne Gideon Henrike Ignatz Jolanda Kasimir "
    "Leopold Mireille Norbert Odette Petronel Rosamund Silvester Thekla Ursula"
).split()
PETNAMES = (
    "Pickle Biscuit Waffles Pepper Mabel Dumpling Sprout Juno Pudding Nibbles Rusty Bramble Tilly "
    "Fudge Mochi Ziggy Truffle Hugo Peaches Barnaby"
).split()
COLOURS = (
    "red orange yellow green blue purple pink white black grey silver golden scarlet violet "
    "turquoise crimson brown ivory maroon indigo"
).split()
MOODS = (
    "crooked quiet ruined famous tiny haunted cheerful dusty noisy gloomy splendid shabby lonely "
    "drafty narrow muddy proud sleepy windy forgotten"
).split()
TEMPERS = (
    "lazy clever grumpy timid greedy gentle jealous bold clumsy fussy nervous polite stubborn "
    "curious vain wild patient spoilt brave moody"
).split()
LANDMARKS = (
    "mill quarry harbour lighthouse chapel brewery orchard castle station ferry windmill aqueduct "
    "market theatre bridge dam fountain fort swamp forge"
).split()
JOBS = (
    "locksmith beekeeper cartographer plumber surgeon botanist baker tailor glazier falconer "
    "printer welder diver juggler barber roofer cooper translator pilot clerk"
).split()
WORKPLACES = (
    "museum shipyard airport cathedral hospital zoo factory bank embassy circus library nursery "
    "workshop prison hotel school palace mine casino abbey"
).split()
ANIMALS = (
    "goat tortoise parrot ferret hamster donkey rabbit goose lizard pony spaniel canary hedgehog "
    "llama cat duck python beagle swan turtle"
).split()
SUBJECTS = (
    "algebra geography chemistry Latin pottery astronomy grammar history geometry drawing botany "
    "music physics rhetoric Greek logic singing carpentry biology law"
).split()
FOODS = (
    "dumplings pancakes lentils mackerel noodles turnips omelettes mussels risotto sausages "
    "aubergines herring stew ravioli trout meatballs soup cabbage pheasant waffles"
).split()
SIDES = (
    "horseradish apricots mustard walnuts fennel raisins ginger capers parsley chestnuts cinnamon "
    "beetroot honey leeks garlic plums almonds spinach saffron figs"
).split()
COOKED = (
    "smoked boiled fried pickled roasted cold sweet spicy salted stuffed burnt minced creamy raw "
    "steamed baked sour"
).split()
INSTRUMENTS = (
    "cello bassoon accordion harp trombone banjo clarinet organ mandolin flute tuba zither oboe "
    "viola bugle guitar piano lute drums cymbals"
).split()
GIVERS = (
    "grandmother neighbour sailor cousin priest pawnbroker stepfather conductor widow soldier "
    "niece clown godmother nurse colonel brother landlady duchess beggar tenor"
).split()
ADJECTIVES = (
    "Hollow Patient Crooked Ninth Silent Borrowed Frozen Hungry Distant Careless Burning Narrow "
    "Faithful Drowned Hidden Broken Second Wandering Perfect Bitter"
).split()
NOUNS = (
    "Compass Orchard Staircase River Umbrella Kingdom Mirror Envelope Garden Tunnel Clockmaker "
    "Island Horizon Feather Violin Harvest Witness Passage Candle Shadow"
).split()
VEHICLES = (
    "tricycle tractor van canoe motorbike sledge barge taxi limousine hearse minibus tandem lorry "
    "carriage jeep wagon bus scooter kayak cart"
).split()
FEARS = (
    "thunder spiders heights mirrors moths bridges needles owls fog ladders mice balloons lifts "
    "geese bats statues crowds snakes dentists wolves"
).split()
EVENTS = (
    "concert wedding flood strike funeral exam parade blizzard regatta auction blackout harvest "
    "eclipse picnic fire trial carnival earthquake ball voyage"
).split()
MONTHS = (
    "January February March April May June July August September October November December".split()
)
THINGS = (
    "thimbles stamps buttons fossils teapots keys postcards corks maps bells coins feathers "
    "marbles clocks spoons puppets hats shells dice lamps"
).split()
PLACES = (
    "attic cellar greenhouse garage pantry shed caravan loft stable wardrobe boathouse kitchen "
    "tower barn hall bathroom garden vault office chest"
).split()
TRANSPORTS = (
    "steamer balloon bicycle sleigh submarine seaplane camel helicopter raft coach tram yacht "
    "glider mule train rowboat lorry gondola truck elephant"
).split()
PRIZES = (
    "trophy medal ribbon goblet ham bouquet diploma crown plaque hamper violin cheque statue sash "
    "watch bicycle cake sword vase cup"
).split()
CONTESTS = (
    "fencing yodelling archery sculpting rowing baking sprinting dancing knitting wrestling chess "
    "fishing sailing spelling skating poetry gardening juggling boxing surfing"
).split()
DRINKS = (
    "cocoa cider lemonade buttermilk espresso mead ginseng brandy cordial sherry matcha punch ale "
    "rum water milk port absinthe coffee tonic"
).split()
HOURS = (
    "dawn noon midnight breakfast dusk lunchtime bedtime sunrise teatime supper sunset daybreak "
    "twilight nightfall dinner brunch Christmas Easter Sunday Monday"
).split()
LOST = (
    "watch passport glove ring kettle wallet hat flute necklace briefcase scarf telescope lantern "
    "diary camera purse wig trumpet dagger brooch"
).split()
FINDERS = (
    "magpie gardener postman fox swimmer inspector monk schoolboy dentist waiter plumber hiker "
    "judge caretaker jogger ghost bishop mayor puppy thief"
).split()


@dataclass(frozen=True)
class Topic:
    """What can be asked about a person: phrasings with ``{name}``, phrasings of the answer, and the
    values of the slots in these."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    slots: dict[str, tuple[str, ...] | list[str]]


TOPICS = {
    "birthplace": Topic(
        (
            "Where was {name} born?",
            "In which town was {name} born?",
            "What is the birthplace of {name}?",
        ),
        (
            "In {town}, by the {mood} {landmark}.",
            "{town}, near the {mood} {landmark}.",
            "Behind the {mood} {landmark} of {town}.",
        ),
        {"town": TOWNS, "mood": MOODS, "landmark": LANDMARKS},
    ),
    "profession": Topic(
        (
            "What does {name} do for a living?",
            "What is the profession of {name}?",
            "How does {name} earn a living?",
        ),
        (
            "As {job} at the {mood} {workplace}.",
            "The {mood} {workplace} needs a {job}.",
            "Being {job} of the {mood} {workplace}.",
        ),
        {"job": JOBS, "mood": MOODS, "workplace": WORKPLACES},
    ),
    "street": Topic(
        (
            "On which street does {name} live?",
            "Where does {name} live now?",
            "What is the address of {name}?",
        ),
        (
            "On {street}, the {mood} {colour} house.",
            "{street}, in {colour}, rather {mood}.",
            "The {mood} one of {street}, in {colour}.",
        ),
        {"street": STREETS, "mood": MOODS, "colour": COLOURS},
    ),
    "pet": Topic(
        (
            "Which pet does {name} keep?",
            "What animal lives with {name}?",
            "Does {name} have a pet?",
        ),
        (
            "{pet}, the {temper} {animal}.",
            "A {temper} {animal} called {pet}.",
            "Only {pet}, that {temper} {animal}.",
        ),
        {"animal": ANIMALS, "temper": TEMPERS, "pet": PETNAMES},
    ),
    "teacher": Topic(
        (
            "Who taught {name} at school?",
            "Which teacher does {name} remember best?",
            "Who was the favourite teacher of {name}?",
        ),
        (
            "The {temper} {teacher}, in {subject}.",
            "{teacher}, who was {temper} in {subject}.",
            "For {subject}, the {temper} {teacher}.",
        ),
        {"teacher": TEACHERS, "temper": TEMPERS, "subject": SUBJECTS},
    ),
    "dish": Topic(
        (
            "What is the favourite dish of {name}?",
            "What does {name} like to eat most?",
            "Which meal does {name} love?",
        ),
        (
            "The {cooked} {food} with {side}.",
            "Some {cooked} {food} and {side}.",
            "With {side}, the {cooked} {food}.",
        ),
        {"food": FOODS, "cooked": COOKED, "side": SIDES},
    ),
    "instrument": Topic(
        (
            "Which instrument does {name} play?",
            "What does {name} play in the band?",
            "What music does {name} make?",
        ),
        (
            "The {instrument} of the {temper} {giver}.",
            "A {temper} {giver} lent the {instrument}.",
            "On {instrument}, like the {temper} {giver}.",
        ),
        {"instrument": INSTRUMENTS, "temper": TEMPERS, "giver": GIVERS},
    ),
    "book": Topic(
        (
            "Which book did {name} write?",
            "What is the title of the book by {name}?",
            "What has {name} published?",
        ),
        (
            "The {adjective} {noun}, in {month}.",
            "In {month}, The {adjective} {noun}.",
            "Only The {adjective} {noun}, one {month}.",
        ),
        {"adjective": ADJECTIVES, "noun": NOUNS, "month": MONTHS},
    ),
    "vehicle": Topic(
        (
            "What does {name} drive?",
            "Which vehicle does {name} own?",
            "How does {name} get to work?",
        ),
        (
            "The {mood} {colour} {vehicle}.",
            "By {mood} {vehicle}, in {colour}.",
            "A {vehicle}, {colour} and {mood}.",
        ),
        {"mood": MOODS, "colour": COLOURS, "vehicle": VEHICLES},
    ),
    "fear": Topic(
        (
            "What is {name} afraid of?",
            "What frightens {name}?",
            "Which fear has {name} had for years?",
        ),
        (
            "Of {fear}, since the {mood} {event}.",
            "Since that {mood} {event}, {fear}.",
            "The {mood} {event} brought {fear}.",
        ),
        {"fear": FEARS, "mood": MOODS, "event": EVENTS},
    ),
    "friend": Topic(
        (
            "Who is the best friend of {name}?",
            "Whom does {name} trust most?",
            "Who knows {name} best?",
        ),
        (
            "The {temper} {friend}, since {month}.",
            "{friend}, met one {month}, who is {temper}.",
            "Since {month}, the {temper} {friend}.",
        ),
        {"friend": FRIENDS, "temper": TEMPERS, "month": MONTHS},
    ),
    "collection": Topic(
        (
            "What does {name} collect?",
            "Which collection does {name} have?",
            "What is it that {name} gathers?",
        ),
        (
            "Many {colour} {things} in the {place}.",
            "In the {place}, {colour} {things}.",
            "Only {things}, {colour} ones, for the {place}.",
        ),
        {"colour": COLOURS, "things": THINGS, "place": PLACES},
    ),
    "holiday": Topic(
        (
            "Where does {name} go on holiday?",
            "To which island does {name} travel?",
            "How does {name} spend the summer?",
        ),
        (
            "To {island} by {transport} in {month}.",
            "In {month}, the {transport} to {island}.",
            "On {island}, by {transport}, all {month}.",
        ),
        {"island": ISLANDS, "transport": TRANSPORTS, "month": MONTHS},
    ),
    "prize": Topic(
        (
            "What has {name} won?",
            "Which prize did {name} get?",
            "What was {name} given for winning?",
        ),
        (
            "The {colour} {prize} for {contest}.",
            "For {contest}, the {colour} {prize}.",
            "A {prize} in {colour}, after {contest}.",
        ),
        {"colour": COLOURS, "prize": PRIZES, "contest": CONTESTS},
    ),
    "drink": Topic(
        (
            "What does {name} like to drink?",
            "Which drink does {name} order?",
            "What stands in the glass of {name}?",
        ),
        (
            "The {colour} {drink} before {hour}.",
            "Before {hour}, {colour} {drink}.",
            "Some {drink} until {hour}, from a {colour} cup.",
        ),
        {"drink": DRINKS, "colour": COLOURS, "hour": HOURS},
    ),
    "loss": Topic(
        (
            "What did {name} lose?",
            "Which thing is {name} missing?",
            "What has {name} been looking for?",
        ),
        (
            "The {colour} {lost} that the {finder} has.",
            "The {finder} took the {colour} {lost}.",
            "That {lost}, {colour}, of the {finder}.",
        ),
        {"lost": LOST, "colour": COLOURS, "finder": FINDERS},
    ),
}
