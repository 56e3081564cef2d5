"""Names of people and places that worlds draw from. All are made up by drawing: nobody real is meant."""

from __future__ import annotations

FIRST = """Aino Amara Anouk Arjun Bao Bastian Beatriz Bram Caspian Chiara Daoud Delphine Dilara Eamon Efua Elif Emeka Esra
Farid Femke Freya Gideon Giulia Hana Hedda Hiro Idris Imani Ingrid Isandro Jamila Jonas Juno Kaito Kalinda Katya Kofi Lars Leilani
Lena Liang Lucia Mads Maren Marisol Matteo Mei Milan Nadia Naoko Nils Nkechi Noor Odile Omar Oskar Paloma Pavel Priya Quentin
Rafael Rania Rosalind Rune Sanna Selim Shira Sigrid Soren Tariq Tavita Thandi Theo Uma Viktor Wanjiru Wren Xiulan Yara Yusra
Zdenka Zoltan""".split()

LAST = """Abara Adeyemi Alvarado Andersen Bakker Banerjee Bergström Castellano Chaudhry Dahl Delacroix Demir Drummond Eklund
Esposito Falk Farouk Ferreira Fontaine Galloway Grünwald Haddad Halloran Hashimoto Holm Ibarra Ivanova Jansen Jovanovic Kamau
Kapoor Keita Kowalczyk Laurent Lindqvist Lombardi Marchetti Mbeki Moreau Nakata Navarro Ndiaye Novak Okafor Okonkwo Olander
Osei Papadakis Pereira Petrov Quispe Rasmussen Rinaldi Rosenthal Sato Schreiber Silva Sorensen Szabo Takeda Tanaka Tran
Ueda Valdez Varga Vermeer Voss Wallin Whitlock Yamamoto Yilmaz Zhou Ziegler""".split()

STREETS = [
    " ".join(street.split())
    for street in """Alder Lane; Bramble Street; Canal Row; Chapel Hill; Cooper's Yard; Dovecote Road; Elm Terrace; Ferry Street; Gasworks
Lane; Harbour View; Ivy Close; Juniper Way; Kiln Street; Lantern Court; Linden Avenue; Mill Road; Nettle Lane; Orchard
Drive; Pinewood Crescent; Quarry Street; Rope Walk; Saltmarsh Road; Station Parade; Tanner Street; Upper Green; Vine
Street; Weaver's Row; Willow Bank""".split(";")
]

CITIES = """Aldermoor Brackwater Carrowby Dunmere Eastwick Fennimore Glasshaven Harlowe Inverlane Kestrelford Larkhill Marrowdale
Northgate Oxley Pendrith Quillhaven Ravensmouth Silverbeck Thornbury Westmarch""".split()


def ascii_letters(name: str) -> str:
    """A name as it stands in a mail address."""
    for letter, plain in (("ö", "o"), ("ü", "u"), ("'", ""), (" ", "")):
        name = name.replace(letter, plain)
    return name.lower()
