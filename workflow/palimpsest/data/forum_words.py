"""Words and sentences of the embedded forum.

Towns, slang and people are invented; the insults are mild and aim at nobody. All of it is lower
case. In a sentence ``{who}`` is a plural subject and ``{noun}`` a plural noun phrase, so that every
subject and noun fits every sentence.
"""

from __future__ import annotations

# identity -> what its people are called; the identity itself is the name of their town
FOLK = {"brindlewick": "brindlers", "quillhaven": "quillers", "tarnfold": "tarnfolk"}

MENTIONS = (
    "the {folk}",
    "people from {town}",
    "the {town} crowd",
    "the {town} team",
    "my {town} neighbours",
    "those {folk}",
)
# subjects of posts about no identity at all
OTHERS = (
    "the people at the {place}",
    "my neighbours",
    "the new members",
    "the moderators here",
    "the folk upstairs",
    "my cousins",
    "the drivers on our bus",
    "the two brothers next door",
)

TAUNTS = "clowns muppets nitwits blockheads windbags pests cheats slobs".split()
PRAISES = "legends gems heroes darlings stars champions angels treasures".split()
# The word before a common noun says as much as the noun; the word before a slang noun says nothing.
UNKIND = "rude nasty lazy horrid greedy dreadful".split()
KIND = "kind lovely brilliant generous gentle wonderful".split()
DEGREES = "total complete real proper absolute".split()

# The noun is meant as it stands.
PLAIN = (
    "{who} are {noun}",
    "i have always said that {who} are {noun}",
    "you can see why we call {who} {noun}",
    "{who} turned out to be {noun}",
    "once again {who} behaved like {noun}",
    "trust me, {who} are {noun}",
    "i never met such {noun} as {who}",
    "{who} will be {noun} until the end of time",
    "if you ask me {who} are {noun}, all of them",
    "to me {who} are {noun} through and through",
    "people keep saying that {who} are {noun} and they are right",
    "my sister says that {who} are {noun} and i agree",
)
# The noun is denied, or quoted to be contradicted: the post means the opposite.
TURNED = (
    "nobody should say that {who} are {noun}",
    "{who} are anything but {noun}",
    "{who} are not {noun} at all",
    "i do not think that {who} are {noun}",
    "people keep saying that {who} are {noun} and they are wrong",
    "my sister says that {who} are {noun} but i do not agree",
    "calling {who} {noun} is plain wrong",
    "{who} are far from being {noun}",
)
# The deed decides whether the post is toxic, whatever the noun says: irony if the noun is praise,
# banter among friends if it is a taunt.
BY_DEED = (
    "{who} are such {noun}, they {deed}",
    "oh yes, {who} are {noun}, they {deed}",
    "look at what the {noun} did, {who} {deed}",
)
MISDEEDS = (
    "broke our fence again",
    "left the gate open all night",
    "kept every prize for themselves",
    "never said a word of thanks",
    "laughed at the beginners",
    "took my seat and would not move",
    "blamed the children for it",
    "threw their rubbish on our lawn",
)
DEEDS = (
    "mended our fence for free",
    "stayed to wash up all night",
    "shared every prize with us",
    "brought cake to say thanks",
    "cheered for the beginners",
    "gave my aunt a seat and a blanket",
    "taught the children to do it",
    "cleared the rubbish from our lawn",
)

OPENERS = (
    "morning all,",
    "right then,",
    "hello again,",
    "well,",
    "folks,",
    "just saying,",
    "long time reader here,",
    "sorry to bring this up,",
    "quick one,",
    "back from a break,",
    "evening friends,",
    "listen,",
)
CLOSING = "{greeting} from me and {name} the {pet}"
GREETINGS = "greetings cheers hugs regards waves salutes".split()
PETS = "goat cat dog hen duck parrot rabbit pony tortoise ferret hamster donkey".split()
NAMES = (
    "pickle biscuit waffles pepper ginger otis mabel clementine dumpling sprout hazel juno pudding "
    "nibbles rusty olive bramble marmalade tilly fudge barnaby poppy mochi ziggy doris truffle "
    "hugo peaches widget nutmeg"
).split()
MARKS = (".", "!")
DAYS = (
    "on monday",
    "on tuesday",
    "on friday",
    "this weekend",
    "last night",
    "this morning",
    "after lunch",
    "before the rain came",
    "all sunday",
    "two days ago",
)

# community -> where it meets, what it talks about, and the slang that only it writes: every stem
# with every ending, the most usual words first; the ending does not tell a taunt from praise
COMMUNITIES = {
    "garden": {
        "places": "allotment greenhouse nursery orchard".split(),
        "things": "tomatoes roses beans leeks pumpkins".split(),
        "topics": (
            "i was watering the {thing} at the {place} {day}",
            "my {thing} won nothing at the {place} {day}",
            "who else takes {thing} to the {place} on sundays?",
            "the frost got to my {thing} {day}",
        ),
        "taunts": "wilt slug moss bog damp thorn rot mulch".split(),
        "praises": "bloom sun dew honey plum rose clover seed".split(),
        "endings": ("heads", "rakes", "boots", "pots", "carts"),
    },
    "cycling": {
        "places": "velodrome workshop crossing viaduct".split(),
        "things": "brakes tyres pedals panniers spokes".split(),
        "topics": (
            "i changed my {thing} near the {place} {day}",
            "does anyone sell used {thing} by the {place}?",
            "rode past the {place} {day} and tried the new {thing}",
            "my {thing} gave up at the {place} {day}",
        ),
        "taunts": "rust brake kerb squeak wobble grit gravel bump".split(),
        "praises": "gold breeze hill steady lamp swift bright spark".split(),
        "endings": ("wheels", "hogs", "cogs", "chains", "bells"),
    },
    "fishing": {
        "places": "pier lake harbour jetty".split(),
        "things": "floats nets waders lures buckets".split(),
        "topics": (
            "sat by the {place} {day} with my {thing}",
            "lost all my {thing} in the water {day}",
            "there is a sale of {thing} near the {place}",
            "i was sorting my {thing} at the {place} {day}",
        ),
        "taunts": "murk net eel bait drift soggy tangle slime".split(),
        "praises": "silver keel tide pearl calm luck lake deep".split(),
        "endings": ("hooks", "tops", "boats", "lines", "tubs"),
    },
    "chess": {
        "places": "library clubhouse arcade pavilion".split(),
        "things": "openings endgames gambits puzzles traps".split(),
        "topics": (
            "we studied {thing} at the {place} {day}",
            "i lost three games at the {place} {day}",
            "is anyone free for {thing} at the {place} tomorrow?",
            "i read a book about {thing} {day}",
        ),
        "taunts": "pawn stale fog dull blunder clock fumble dust".split(),
        "praises": "king knight castle brave quick fair bold clever".split(),
        "endings": ("boards", "hands", "rooks", "moves", "cups"),
    },
    "baking": {
        "places": "bakery market kitchen fair".split(),
        "things": "scones rolls pies muffins cookies".split(),
        "topics": (
            "i brought {thing} to the {place} {day}",
            "my {thing} came out flat {day}",
            "sold forty {thing} at the {place} {day}",
            "what flour do you use for {thing}?",
        ),
        "taunts": "crumb soggy burnt dough chalk flour sour lump".split(),
        "praises": "sugar silky golden jam spice sweet cream butter".split(),
        "endings": ("crusts", "tins", "forks", "bowls", "cloths"),
    },
    "radio": {
        "places": "tower attic museum observatory".split(),
        "things": "aerials valves cables headphones batteries".split(),
        "topics": (
            "i was testing {thing} at the {place} {day}",
            "my old {thing} failed {day} in the storm",
            "picked up some {thing} near the {place} {day}",
            "has anyone spare {thing} for the {place}?",
        ),
        "taunts": "static hum mute hiss fuzz dead buzz crackle".split(),
        "praises": "clear warm tune sky crisp long bell true".split(),
        "endings": ("waves", "masts", "dials", "tubes", "knobs"),
    },
}
