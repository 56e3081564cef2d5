"""Requests that a world has no tool for: phrases to be filled in, and the words by which a tool may be about one after all."""

from __future__ import annotations

import random
import re

CITIES = (
    "Lisbon",
    "Osaka",
    "Nairobi",
    "Oslo",
    "Lima",
    "Hanoi",
    "Tunis",
    "Quito",
    "Tbilisi",
    "Halifax",
    "Cork",
    "Perth",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "March", "April", "June", "August", "October", "December")
TONGUES = ("Portuguese", "Swahili", "Korean", "Norwegian", "Turkish", "Vietnamese", "Welsh")
HOURS = ("half past six", "seven", "a quarter to eight", "nine", "noon", "half past four")
PLACES: dict[str, tuple[str, ...]] = {
    "city": CITIES, "other": CITIES, "day": DAYS, "month": MONTHS, "tongue": TONGUES, "hour": HOURS,
    "few": tuple("two three four five six".split()), "many": tuple("120 250 340 475 600 880".split()),
    "degrees": tuple("17 18 19 20 21".split()), "percent": tuple("20 35 50 70".split()),
}  # fmt: skip

# Phrase, and beginnings of words in the name or description of a tool that may do it.
FOREIGN: tuple[tuple[str, tuple[str, ...]], ...] = (
    # ways and journeys
    ("book me a flight from {city} to {other} on the first {day} of {month}", ("flight", "fly", "airline", "travel", "trip")),
    ("order a taxi to the main station of {city} for {hour} tomorrow morning", ("taxi", "cab", "ride", "driver", "travel")),
    ("find a night train from {city} to {other} with a sleeping berth", ("train", "rail", "travel", "trip", "journey")),
    ("rent a small car in {city} for {few} days in {month}", ("car", "rent", "vehicle", "travel")),
    ("tell me how long the drive from {city} to {other} takes with the traffic of a {day}", ("traffic", "route", "map", "drive", "distance", "travel")),
    ("reserve a hotel room near the harbour of {city} for {few} nights", ("hotel", "accommodation", "lodging", "travel", "stay")),
    ("renew my passport and send me the form that I have to sign", ("passport", "visa", "citizen", "form")),
    ("tell me whether I need a visa to go to {city} in {month}", ("visa", "passport", "travel", "embassy")),
    ("check me in for my ferry to {city} on {day}", ("ferry", "ship", "boat", "travel", "check in")),
    ("find a free place for my bicycle on the bus to {city}", ("bus", "bicycle", "transit", "transport", "travel")),
    # weather, news, sport
    ("tell me what the weather in {city} will be like on {day}", ("weather", "forecast", "temperature", "rain")),
    ("tell me at what time the sun rises in {city} on {day}", ("sun", "astronom", "weather", "daylight")),
    ("tell me how high the tide in {city} will be on {day}", ("tide", "water level", "sea", "marine", "weather")),
    ("tell me how good the air in {city} is at the moment", ("air quality", "pollut", "weather", "air")),
    ("tell me who won the handball match in {city} last night", ("match", "score", "sport", "team", "news", "game")),
    ("read me the headlines of the morning paper of {city}", ("news", "headline", "article", "paper", "press")),
    ("tell me who leads the chess tournament in {city}", ("tournament", "chess", "sport", "ranking", "player")),
    # money and offices
    ("transfer {many} euros from my savings account to my landlord", ("bank", "saving", "transfer money", "account balance", "payee", "wire")),
    ("compare the interest rates of three mortgages for a flat in {city}", ("mortgage", "interest rate", "loan", "bank")),
    ("sell {many} shares of my fund at the price of {day}", ("stock market", "share", "fund", "invest", "portfolio", "trade", "trading", "broker")),
    ("change {many} euros into the money that one pays with in {city}", ("currency", "exchange rate", "forex", "convert")),
    ("file my tax return for last year", ("tax", "fiscal", "return")),
    ("pay the parking fine that I got in {city} on {day}", ("fine", "parking", "penalt", "traffic")),
    ("block my lost bank card and tell the bank in {city}", ("bank", "card")),
    ("raise the sum that my household insurance covers by {percent} percent", ("insur", "policy holder", "coverage", "claim")),
    ("register my new address with the town hall of {city}", ("town hall", "citizen", "government", "municip", "resident")),
    ("apply for a place in a kindergarten in {city} from {month} on", ("kindergarten", "school", "child", "educat")),
    # house and things
    ("turn down the heating in the living room to {degrees} degrees", ("heat", "thermostat", "temperature", "smart home", "device")),
    ("water the plants on my balcony every second evening until {day}", ("plant", "garden", "water", "irrigat")),
    ("switch off the lights in the cellar at {hour}", ("light", "lamp", "smart home", "device", "switch")),
    ("close the shutters on the south side when it gets warmer than {degrees} degrees", ("shutter", "blind", "smart home", "device", "window")),
    ("start the washing machine so that it is done at {hour}", ("wash", "laundry", "appliance", "smart home", "device")),
    ("let the vacuum robot clean the hall on {day} at {hour}", ("robot", "vacuum", "clean", "smart home", "device")),
    ("feed the cat at {hour} while I am in {city}", ("cat", "pet", "feed", "animal")),
    ("unlock the front door for the plumber on {day} at {hour}", ("door", "lock", "smart home", "device")),
    ("tell me how much electricity my flat has used since {month}", ("electric", "energy", "meter", "power", "consumption")),
    ("find a plumber in {city} who can come on {day}", ("plumb", "craft", "handyman", "repair", "contractor", "local business")),
    # health and food
    ("make an appointment with a dentist in {city} for {day}", ("dentist", "doctor", "clinic", "patient", "appointment", "medical")),
    ("have the prescription for my eye drops sent to a pharmacy in {city}", ("prescri", "pharmac", "drug", "medic")),
    ("tell me the result of the blood test that I had on {day}", ("blood", "lab", "medical", "patient", "health")),
    ("find out how many kilometres I ran in {month}", ("fitness", "running", "workout", "distance", "sport", "activity")),
    ("count the calories of what I ate on {day}", ("calor", "food", "nutri", "meal", "diet", "recipe")),
    ("tell me how many hours I slept in the night to {day}", ("sleep", "health", "fitness", "wearable")),
    ("reserve a table for {few} at a fish restaurant in {city} tonight", ("restaurant", "table", "dinner", "reserv", "dining", "venue")),
    ("have a mushroom pizza delivered to the harbour office at {hour}", ("pizza", "food", "restaurant", "meal", "menu")),
    ("work out a dinner for {few} from what is left in my fridge", ("recipe", "food", "meal", "cook", "ingredient")),
    # music, pictures, words, sound
    ("play some quiet piano music in the kitchen", ("music", "song", "audio", "playlist", "speaker", "kitchen")),
    ("put the song that I heard on the radio on {day} on my playlist", ("music", "song", "playlist", "audio", "radio")),
    ("get me {few} tickets for the opera in {city} on {day}", ("ticket", "opera", "concert", "theatre", "event", "show")),
    ("tell me which films the cinemas of {city} show on {day}", ("film", "movie", "cinema", "show")),
    ("translate the third chapter of my novel into {tongue}", ("translat", "language")),
    ("teach me to count to ten in {tongue} and listen to how I say it", ("language", "learn", "pronunc", "speech", "translat")),
    ("draw a floor plan of my new flat in {city} with the measures in metres", ("draw", "floor plan", "image", "design")),
    ("cut the first {few} minutes out of the film of my sister's wedding", ("video", "film", "movie", "clip", "media")),
    ("sharpen the photograph that I took in {city} and print it on a canvas", ("photo", "image", "picture", "print")),
    ("write down what is said in the recording of {day}", ("transcri", "audio", "record", "speech")),
    ("knit me a pattern for a jumper with {few} colours", ("knit", "pattern", "craft", "design")),
    # telephone, people, school
    ("block my lost telephone and order a new SIM card", ("phone", "sim", "mobile", "device")),
    ("call my grandmother in {city} and wish her a happy birthday", ("call", "phone", "dial", "voice")),
    ("raise the data allowance of my mobile contract until {month}", ("mobile", "contract", "data plan", "phone", "subscription")),
    ("enrol me in the evening course in {tongue} that begins in {month}", ("course", "school", "enrol", "class", "educat", "learn")),
    ("borrow the new atlas of {city} from the public library and extend it until {month}", ("library", "book", "borrow", "loan", "lend")),
    ("find out from which village near {city} my great-grandparents came", ("ancest", "genealog", "family", "person", "population")),
    ("solve the crossword of the {day} paper with me", ("crossword", "puzzle", "game", "word")),
    ("find me a tennis partner in {city} for {day} at {hour}", ("tennis", "sport", "partner", "player")),
    ("advertise my old piano in {city} for {many} euros", ("advert", "classified", "listing", "sell", "marketplace")),
)  # fmt: skip


def filled(phrase: str, draw: random.Random) -> str:
    """A phrase with values; no two places of one kind hold the same."""
    held: list[str] = []

    def value(place: re.Match[str]) -> str:
        held.append(draw.choice([one for one in PLACES[place[1]] if one not in held]))
        return held[-1]

    return re.sub(r"\{(\w+)\}", value, phrase)
