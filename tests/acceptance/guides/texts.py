"""Texts that all speak of one thing and differ enough not to count as copies of each other."""

PLACES = ("Skerry", "Harbour", "Cape", "Island", "Reef", "Sound", "Bay", "Point")
KEEPERS = ("Anna", "Bertil", "Carla", "Diego", "Elif", "Femi", "Greta")
FUELS = ("whale oil", "rapeseed oil", "paraffin", "acetylene", "electric current")


def lighthouse(number: int) -> str:
    """A short text about the lighthouse of that number; only number 7 has a bell of silver."""
    place, keeper, fuel = (
        f"{PLACES[number % 8]} {number}",
        KEEPERS[number * 3 % 7],
        FUELS[number * 2 % 5],
    )
    bell = " On foggy nights a bell of pure silver was rung by hand." if number == 7 else ""
    return (
        f"The lighthouse of {place} was built in {1800 + 7 * number}. Its keeper {keeper} climbed {90 + 11 * number} "
        f"steps each evening to light the lamp, which burned {fuel} until {1880 + 3 * number}.{bell} Ships passed it "
        f"at a distance of {2 + number % 9} miles, and its beam was counted at {3 + number} flashes a minute."
    )
