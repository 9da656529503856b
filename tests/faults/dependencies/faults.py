"""What is broken, how, for how long, and what has to hold then."""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.contract.chat.standin import Behaviour
from tests.faults.dependencies.load import Load
from tests.faults.dependencies.scene import BREAKER_SECONDS, Needs, Scene
from tests.faults.harness.interposer import Action

Act = Callable[[Scene], Awaitable[None]]
# Above both slow-call limits of the short settings (half of 2.5 s and of 4 s), below the time limits themselves.
_SLOW = 2.2
_NOTHING_MORE = Needs()


@dataclass(frozen=True, slots=True)
class Fault:
    """heals: None where the server has to do it by itself.

    seconds: how long it stays broken. within: seconds in which the service must be whole again; None: at the next try
    of the breaker, or when the provider allows calls again. told: whether the server says at this moment that something
    is missing, where no request shows it.
    """

    name: str
    breaks: Act
    heals: Act | None
    seconds: float = 6.0
    within: float | None = None
    needs: Needs = _NOTHING_MORE
    told: Callable[[Scene, Load], Awaitable[bool]] | None = None


def _model(behaviour: Behaviour, status: int = 200, delay: float = 0.0) -> Act:
    async def act(scene: Scene) -> None:
        headers = {"retry-after": f"{BREAKER_SECONDS:g}"} if status == 429 else {}
        scene.model.behave(behaviour, status=status, headers=headers)
        scene.model.delay = delay

    return act


async def _model_refuses(scene: Scene) -> None:
    await scene.model_door.refuse()


async def _model_hangs(scene: Scene) -> None:
    await scene.model_door.hang()


async def _model_is_back(scene: Scene) -> None:
    await scene.model_door.open()


async def _embedder_refuses(scene: Scene) -> None:
    await scene.embedder_door.refuse()


async def _embedder_hangs(scene: Scene) -> None:
    await scene.embedder_door.hang()


async def _embedder_is_back(scene: Scene) -> None:
    await scene.embedder_door.open()


async def _redis_is_killed(scene: Scene) -> None:
    assert scene.redis is not None
    scene.redis.stop()


async def _redis_is_back(scene: Scene) -> None:
    assert scene.redis is not None
    scene.redis.start()


def _disk(action: Action) -> Act:
    async def act(scene: Scene) -> None:
        assert scene.disk is not None
        scene.disk.arm(action, 1)

    return act


async def _disk_is_back(scene: Scene) -> None:
    assert scene.disk is not None
    scene.disk.disarm()
    scene.disk.heal()


async def _index_is_destroyed(scene: Scene) -> None:
    shutil.rmtree(scene.data / "index")


async def _redis_is_missed(scene: Scene, _load: Load) -> bool:
    log = scene.server.log
    return log.count("FALLBACK ACTIVATED") > log.count("FALLBACK DEACTIVATED")


async def _index_is_missed(_scene: Scene, load: Load) -> bool:
    causes = (await load.get("/admin/degradation"))["causes"]
    return any(cause["name"] == "index" for cause in causes)


_WELL = _model(Behaviour.REPLY)
_DISK = Needs(disk=True)
_EMBEDDER = Needs(embedder=True)
_LONG = Needs(long_limits=True)
_EMBEDDER_LONG = Needs(embedder=True, long_limits=True)

FAULTS = (
    Fault("the only model refuses connections", _model_refuses, _model_is_back),
    Fault("the only model hangs", _model_hangs, _model_is_back),
    Fault("the only model hangs, given half a minute", _model_hangs, _model_is_back, seconds=14, within=4, needs=_LONG),
    Fault("the only model answers 500", _model(Behaviour.STATUS, 500), _WELL),
    Fault("the only model answers 429 with Retry-After", _model(Behaviour.STATUS, 429), _WELL),
    Fault("the only model answers slowly", _model(Behaviour.REPLY, delay=_SLOW), _WELL, seconds=14),
    Fault("the only model breaks off in its answers", _model(Behaviour.HALF), _WELL),
    Fault("the first of two models refuses", _model_refuses, _model_is_back, needs=Needs(second_model=True)),
    Fault("the embedding endpoint refuses", _embedder_refuses, _embedder_is_back, needs=_EMBEDDER),
    Fault("the embedding endpoint hangs", _embedder_hangs, _embedder_is_back, needs=_EMBEDDER),
    Fault(
        "the embedding endpoint hangs, given five seconds",
        _embedder_hangs,
        _embedder_is_back,
        seconds=12,
        needs=_EMBEDDER_LONG,
    ),
    Fault(
        "Redis is killed",
        _redis_is_killed,
        _redis_is_back,
        within=3,
        needs=Needs(redis=True),
        told=_redis_is_missed,
    ),
    Fault("the disk is full", _disk(Action.FULL), _disk_is_back, within=6, needs=_DISK),
    Fault("the disk takes no changes", _disk(Action.READ_ONLY), _disk_is_back, within=6, needs=_DISK),
    Fault("the folder of the index is removed", _index_is_destroyed, None, within=60, told=_index_is_missed),
)
