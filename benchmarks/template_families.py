"""Templates that `dedup-semantic` was tuned on; the tests hold others. See `benchmarks/dedup_templates.py`."""

from __future__ import annotations

from collections.abc import Mapping

# The values are those of tests/dedup/page_families.py.
TUNED_ON: Mapping[str, str] = {
    "weather": """Weather station <n:1000-9999> at <place>, <n:1-28> <month> <n:1990-2023>. Temperature <n:0-35>.<n:0-9> degrees,
        highest <n:0-40>.<n:0-9>, lowest <n:0-20>.<n:0-9>. Humidity <n:20-99> per cent, pressure <n:980-1040> hPa, wind
        <n:0-90> km/h from <n:0-359> degrees. Rain <n:0-60>.<n:0-9> mm since midnight. Sunrise <n:4-8>:<n:10-59>, sunset
        <n:16-21>:<n:10-59>. Visibility <n:1-50> km.""",
    "part": """Spare part <n:10000-99999> fits model <n:100-999> and model <n:100-999> of series <n:1-9>. Width <n:10-99> mm, length
        <n:10-99> mm, weight <n:100-999> grams. Price <n:5-500> dollars, <n:1-90> in stock, delivery in <n:1-14> days. Replaces
        part <n:10000-99999>. Warranty <n:6-36> months.""",
    "job": """We are looking for a <trade> to join our team in <place>. You will work with the <thing> group and report to <person>.
        You bring at least <n:1-12> years of experience, a <quality> way of working and good knowledge of the <thing> trade.
        ((A driving licence is helpful.)) We offer <n:24-35> days of holiday, flexible hours and a salary of up to <n:30-120>
        thousand a year. Please send your application to <mail> before the <n:1-28>th of <month>. The <word> Group is an equal
        opportunity employer and welcomes people of every background.""",
    "product": """The <word> <quality> <thing> is made of the finest materials and will serve you for many years. It comes in
        <n:2-9> colours and weighs only <n:1-40> kilos. ((Batteries are not included.)) Whether you are a <trade> or a
        <trade>, you will love its <quality> finish. Order today and receive it within <n:2-9> working days. Customers who
        bought this also bought the <quality> <thing> and the <quality> <thing>. Rated <n:1-4>.<n:0-9> out of 5 by <n:3-900>
        customers. Price: <n:9-999> euros, tax included.""",
    "city": """<place> is a municipality in the district of <place>, in the region of <place>. As of the census of <n:1990-2022> it
        had a population of <n:200-90000>, and an area of <n:2-400> square kilometres. It lies <n:3-90> km north of <place> at
        a height of <n:5-1900> metres. The mayor is <person>. ((It is twinned with <place>.)) The place is known for its
        <quality> <thing> and for the yearly <thing> festival in <month>.""",
    "match": """<place> beat <place> <n:2-6>-<n:0-1> at home on <day> evening. <person> opened the scoring in the <n:2-40>th minute
        after a pass from <person>, and <person> made it two shortly before the break. The visitors came close through
        <person>, but the keeper saved well. <place> are now <n:2-18>th in the table with <n:10-70> points from <n:12-34> games.
        Their next match is away at <place> on <day>. Attendance: <n:900-60000>.""",
    "reference": """<code>(<word>, <word>=None): Return the <quality> <thing> of the given <thing>. If the argument is not a
        <thing>, a TypeError is raised. The optional second argument names the <quality> <thing> that is used instead of the
        default one. Changed in version <n:2-3>.<n:1-12>: it now accepts a path-like object. See the section on <thing>s for an
        example, and <code> for the inverse operation. Availability: Unix, Windows.""",
    "estate": """For sale: <quality> house with <n:2-9> bedrooms and <n:1-4> bathrooms in <place>. The plot measures <n:200-4000>
        square metres and the living area <n:60-500>. Built in <n:1900-2022>, with a new <thing> and a <quality> <thing>. The
        house is close to schools, shops and public transport; the centre of <place> is <n:3-60> minutes away. Asking price
        <n:90-990>,000. Viewings on <day> afternoon by appointment only. Call <person> of <word> Estates, reference
        <n:10000-99999>.""",
    "recipe": """<quality> <word> soup. Serves <n:2-8>. Ready in <n:15-120> minutes. Peel and chop <n:2-9> <word>s and fry them in a
        little oil until they are soft. Add <n:100-900> grams of <word> and <n:1-3> litres of stock, bring to the boil and let
        it simmer for <n:10-60> minutes. ((Stir in a spoon of cream.)) Season with salt and <word>, and serve hot with bread.
        It keeps for <n:2-5> days in the fridge. Per portion: <n:90-900> kcal, <n:1-40> g fat, <n:2-60> g protein.""",
    "release": """Version <n:1-9>.<n:0-40>.<n:0-9>, <month> <n:1-28>, <n:2012-2023>. This release mends a fault in <code> that made
        the <thing> fail when the <quality> <thing> was empty. Thanks to <person> for the report. <code> now takes a
        <quality> <thing> as well. ((The old name still works and warns.)) There are no other changes, and all users of
        <n:1-9>.<n:0-40> are advised to upgrade. Checksum: <n:100000-999999><word><n:1000-9999>.""",
    "profile": """<person> is a <trade> who lives in <place>. Born in <place> on <n:1-28> <month> <n:1940-2000>, <person> studied at
        the University of <place> and has worked for the <word> Institute since <n:1970-2020>. In <n:1990-2022> the work on the
        <quality> <thing> was honoured with the <word> Prize. Outside work there is time for the <thing>, the <thing> and
        three cats. To book a talk, write to <mail>; please allow <n:2-9> days for an answer.""",
    "verein": """Der Verein <word> aus <place> lädt am <n:1-28>. <month> um <n:14-20> Uhr zur Jahresversammlung in das Gasthaus
        <word> ein. Auf der Tagesordnung stehen der Bericht des Vorstands, der Haushalt für <n:2010-2023> und die Wahl von
        <n:2-9> Beisitzern. Anträge sind bis zum <n:1-28>. <month> an <mail> zu richten. Der Jahresbeitrag beträgt weiterhin
        <n:10-90> Euro. Im Anschluss spricht <person> über das Thema <thing>. Gäste sind herzlich willkommen.""",
}
