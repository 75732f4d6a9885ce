"""How annotations are checked while tests run: a whole number passes where a real one is asked for."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
