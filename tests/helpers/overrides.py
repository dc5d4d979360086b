"""Overrides of a config, as tests add them to those of a helper."""


def last_ones(words):
    """Returns words without the overrides that a later one of the same or an outer key replaces."""
    keys = [word.partition("=")[0] if "=" in word and not word.startswith("-") else None for word in words]
    return [
        word
        for place, word in enumerate(words)
        if keys[place] is None
        or not any(later is not None and f"{keys[place]}.".startswith(f"{later}.") for later in keys[place + 1 :])
    ]
