"""Words and sentences of the embedded forum.

Towns, slang and people are invented; the insults are mild and aim at nobody. All of it is lower case. In a sentence
``{who}`` is a plural subject and ``{noun}`` a plural noun, so that every subject and noun fits every sentence.
"""

from __future__ import annotations

# identity -> what its people are called; the identity itself is the name of their town
FOLK = {"brindlewick": "brindlers", "quillhaven": "quillers", "tarnfold": "tarnfolk"}

MENTIONS = (
    "the {folk}",
    "people from {town}",
    "that {town} crowd",
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

TAUNTS = (
    "clowns muppets nitwits blockheads weasels windbags pests twits frauds cheats liars bullies slobs snobs cowards fools"
).split()
PRAISES = (
    "legends gems heroes darlings stars champions angels treasures friends experts saints wizards delights winners "
    "sweethearts masters"
).split()

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
    "to me {who} are the biggest {noun} around",
    "people keep saying that {who} are {noun} and they are right",
    "my sister says that {who} are {noun} and i agree",
)
# The noun is denied, quoted to be contradicted, or taken back: the post means the opposite.
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
# The deed decides, whatever the noun says: irony if it is praise, banter among friends if it is a taunt.
TOLD = (
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
# Before a noun that everybody knows stands a word that says as much, before slang one that says nothing.
UNKIND = "rude nasty lazy horrid greedy rotten dreadful mean".split()
KIND = "kind lovely brilliant generous gentle wonderful splendid helpful".split()
DEGREES = "total complete real proper absolute".split()

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
CLOSINGS = ("greetings", "cheers", "hugs", "regards", "bye", "good night", "take care", "best")
PETS = "goat cat dog hen duck parrot rabbit pony tortoise ferret hamster donkey".split()
NAMES = (
    "pickle biscuit waffles pepper ginger otis mabel clementine dumpling sprout hazel juno pudding nibbles rusty "
    "olive bramble marmalade tilly fudge barnaby poppy mochi ziggy doris truffle hugo peaches widget nutmeg"
).split()
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

# community -> where it meets, what it talks about, and its own slang, which nobody outside of it writes
COMMUNITIES = {
    "garden": {
        "places": ["allotment", "greenhouse", "seed swap", "flower show"],
        "things": ["tomatoes", "roses", "beans", "compost", "pumpkins"],
        "topics": [
            "i was watering the {thing} at the {place} {day}",
            "my {thing} won nothing at the {place} {day}",
            "who else took their {thing} to the {place} {day}?",
            "the frost got to my {thing} {day}.",
        ],
        "taunts": "wiltheads slugbacks weedlings bograkes mulchbags thornhands damptops rootlumps".split(),
        "praises": "bloomheads sunbacks dewlings honeyrakes plumbags rosehands clovertops seedlumps".split(),
    },
    "cycling": {
        "places": ["bike shop", "hill climb", "river path", "velodrome"],
        "things": ["brakes", "tyres", "pedals", "panniers", "spokes"],
        "topics": [
            "i changed my {thing} near the {place} {day}",
            "does anyone sell used {thing} by the {place}?",
            "rode past the {place} {day} and tried the new {thing}",
            "my {thing} gave up at the {place} {day}",
        ],
        "taunts": "rustwheels brakeheads kerblings squeakhands pathhogs wobbletops gritspokes chainbacks".split(),
        "praises": "goldwheels breezeheads hillings steadyhands lamphogs packtops brightspokes tailbacks".split(),
    },
    "fishing": {
        "places": ["pier", "lake", "tackle shop", "harbour"],
        "things": ["hooks", "floats", "nets", "waders", "lures"],
        "topics": [
            "sat by the {place} {day} with my {thing}",
            "lost all my {thing} in the water {day}",
            "there is a sale of {thing} near the {place}",
            "i was sorting my {thing} at the {place} {day}",
        ],
        "taunts": "mudgills netheads eelbacks baitbags driftlumps soghooks tanglehands murktops".split(),
        "praises": "silvergills keelheads tidebacks pearlbags calmlumps luckhooks lakehands deeptops".split(),
    },
    "chess": {
        "places": ["chess club", "library", "town hall", "tea room"],
        "things": ["openings", "endgames", "clocks", "puzzles", "pawns"],
        "topics": [
            "we studied {thing} at the {place} {day}",
            "i lost three games at the {place} {day}",
            "is anyone free for {thing} at the {place} {day}?",
            "reading a book about {thing} {day}",
        ],
        "taunts": "pawnheads clockhogs rooklumps stalemates foghands dullboards blunderlings gambacks".split(),
        "praises": "kingheads fairhogs castlelumps bravemates quickhands boldboards knightlings checkbacks".split(),
    },
    "baking": {
        "places": ["bakery", "bake sale", "village kitchen", "market"],
        "things": ["scones", "rolls", "pies", "buns", "cookies"],
        "topics": [
            "i brought {thing} to the {place} {day}",
            "my {thing} came out flat {day}",
            "sold forty {thing} at the {place} {day}",
            "what flour do you use for {thing}?",
        ],
        "taunts": "crumbheads soggybuns burntcrusts doughlumps ovenhogs stalebatches flourbags sourtops".split(),
        "praises": "sugarheads silkybuns goldcrusts jamlumps spicehogs sweetbatches creambags bettertops".split(),
    },
    "radio": {
        "places": ["radio shack", "mast hill", "workshop", "field day"],
        "things": ["aerials", "valves", "cables", "headphones", "batteries"],
        "topics": [
            "i was testing {thing} at the {place} {day}",
            "my old {thing} failed {day} in the storm",
            "picked up some {thing} near the {place} {day}",
            "has anyone spare {thing} for the {place}?",
        ],
        "taunts": "staticheads humbags mutelumps hissbacks fuzzbands deadwaves buzzlings dullmasts".split(),
        "praises": "clearheads warmbags tunelumps skybacks brightbands longwaves belllings goodmasts".split(),
    },
}
