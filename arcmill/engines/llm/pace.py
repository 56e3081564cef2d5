"""How many requests an endpoint is given at once: found from what it does with them, not set by hand.

The server should never wait for us, and should hold no more than a short queue, so that a request that is sent late goes to
the endpoint that is free then. Below that, more is better only as long as more tokens come of it: a processor does best
with some tens of requests, a GPU with a thousand. So the limit climbs while the rate of tokens does, goes back where it does
not, and tries again from time to time. vLLM counts its tokens as they are made; of other servers we count those that came.
"""

from __future__ import annotations

from dataclasses import dataclass

from arcmill.engines.llm.endpoint import Load

FIRST, MOST = 32, 4096
WINDOW, BLIND_WINDOW = 3.0, 6.0  # seconds that a rate is measured over: by the server's count, by the answers that came
GAIN = 1.03  # a limit is better where the rate is by so much
HOLD, LONGEST_HOLD = (
    30.0,
    600.0,
)  # seconds before more is tried again; twice as long after each try that brought nothing


@dataclass
class Pace:
    """The limit of one endpoint. `cap` is the user's, where there is one."""

    cap: int | None = None
    limit: int = FIRST
    _preemptions: int | None = None
    _best: tuple[int, float] = (0, 0.0)  # the limit that did best, and its rate; tokens/s
    _window: tuple[float, int] | None = None  # when it began, and the tokens until then
    _hold: float = 0.0
    _pause: float = HOLD
    _told: bool = False  # whether it has asked for less since it was last looked at

    def __post_init__(self) -> None:
        self._set(self.limit)

    def _set(self, limit: float) -> None:
        self.limit = max(1, min(int(limit), self.cap or MOST, MOST))
        self._window = None

    def seen(self, load: Load, tokens: int, in_flight: int, now: float) -> None:
        """Follow what the server says of itself; `tokens` that came so far count where it does not count them."""
        self._told = False
        queue = max(4, load.running // 8)  # requests that may wait in the server, so that it is never without work
        preempted = self._preemptions is not None and load.preemptions > self._preemptions
        self._preemptions = load.preemptions
        if preempted and load.cache > 0.9:  # it throws work away: fewer than it holds now
            self._set(max(1, load.running * 0.9))
        elif load.waiting > 2 * queue:
            self._set(load.running + queue)
        elif load.waiting < queue:
            counted = load.tokens is not None
            self._climb(
                load.tokens if load.tokens is not None else tokens, in_flight, now, WINDOW if counted else BLIND_WINDOW
            )

    def measured(self, tokens: int, in_flight: int, now: float) -> None:
        """Of a server that says nothing of itself: `tokens` that came so far."""
        self._told = False
        self._climb(tokens, in_flight, now, BLIND_WINDOW)

    def busy(self) -> None:
        """The server asked for less (429, 503). All that is under way hears so at once: that counts once, or a short
        outage would leave one request at a time. What it can do is then measured anew."""
        if not self._told:
            self._told = True
            self._best, self._pause = (0, 0.0), HOLD
            self._set(self.limit * 0.7)

    def _climb(self, tokens: int, in_flight: int, now: float, window: float) -> None:
        # With less to send, or more under way from a higher limit, the rate tells nothing of this one.
        if not self.limit - 1 <= in_flight <= self.limit + self.limit // 8:
            self._window = None
            return
        if self._window is None:
            self._window = (now, tokens)
            return
        began, before = self._window
        if now - began < window:
            return
        self._window = (now, tokens)
        rate, (at, best) = (tokens - before) / (now - began), self._best
        if rate > best * GAIN:
            self._best, self._pause = (self.limit, rate), HOLD
            self._set(max(self.limit + 1, self.limit * (2.0 if rate > 1.2 * best else 1.5)))
        elif self.limit > at:
            self._hold, self._pause = now + self._pause, min(2 * self._pause, LONGEST_HOLD)
            self._set(at)
        else:
            self._best = (at, max(rate, 0.9 * best))  # the work may be another by now
            if now >= self._hold:
                self._set(max(self.limit + 1, self.limit * 1.25))
