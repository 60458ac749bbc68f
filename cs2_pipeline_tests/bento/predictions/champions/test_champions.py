"""Champions change, fail, and MLflow goes away; the service keeps answering and says which version answered."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from bento.predictions.champions import champions as champions_module
from bento.predictions.champions.champions import Champions, request_reload
from bento.predictions.champions.file_stamps import note_of
from bento.predictions.champions.status import STATUS_FILE, Status
from bento.predictions.http import metrics
from cs2_pipeline.artifact.artifact import write
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.client import connect
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import ONE_PROCESS, PATIENCE, PLAYER, ROUND, alive, free_port, serving
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact

# What the tiny model answers for ROUND, by its bias.
PROBABILITY = {0.0: 0.689974, 0.5: 0.785835}


def versions(server):
    return {model["name"]: model["version"] for model in server.get("/models").json["models"]}


def ready_anew(server):
    return server.get("/readyz", Connection="close").status == 200


def health(server):
    return server.get("/health").json


def test_without_a_champion_the_service_starts_says_so_and_gets_ready_by_itself(home):
    with serving(home.path, until=alive, module=ONE_PROCESS) as server:
        assert server.get("/readyz").status == 503
        assert health(server)["status"] == "unavailable"
        answer = server.post("/predict/round", ROUND)
        assert (answer.status, answer.json["type"]) == (503, "urn:cs2-pipeline:problem:no-model")
        assert "retry-after" in answer.headers
        home.promote(home.register_round())
        server.await_that(lambda s: s.get("/readyz").status == 200)
        assert server.post("/predict/round", ROUND).status == 200
        assert server.post("/classify/player", PLAYER).status == 503
        server.await_that(lambda s: health(s)["reasons"] == ["no champion of player_classifier is loaded"])
        home.promote(home.register_player())
        server.await_that(lambda s: health(s)["status"] == "healthy")


def test_swaps_under_load_fail_no_request_and_no_answer_lies_about_its_version(home):
    first = home.register_round()
    home.promote(first)
    # With two workers `python -m bento.predictions` is supervised, too.
    with serving(home.path, module=ONE_PROCESS, service_workers=2, served_models="round_predictor") as server:
        # Each new connection goes to either worker: both are ready when so many in a row are answered.
        server.await_that(lambda s: len(s.workers()) == 2 and all(ready_anew(s) for _ in range(40)))
        answers, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                # A new connection each time reaches both workers.
                answer = server.post("/predict/round", ROUND, Connection="close")
                said = answer.json
                answers.append((answer.status, said.get("model_version"), said.get("ct_win_probability")))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        home.promote(home.register_round(bias=0.5))
        server.await_that(lambda _: len(answers) > 100 and all(a[1] == "2" for a in answers[-100:]))
        home.promote(first)  # a rollback
        server.await_that(lambda _: all(a[1] == "1" for a in answers[-100:]))
        stop.set()
        for thread in threads:
            thread.join()
        assert {status for status, _, _ in answers} == {200}
        said = {(version, probability) for _, version, probability in answers}
        assert said == {("1", PROBABILITY[0.0]), ("2", PROBABILITY[0.5])}


def reloaded(server):
    """What the service says after a look at MLflow; one that takes too long (503) is asked for again."""
    while (answer := server.post("/admin/reload", {}, Authorization="Bearer sesame")).status == 503:
        pass
    return answer.json


def test_an_altered_artifact_is_refused_and_the_old_version_keeps_answering(home):
    home.promote(home.register_round())
    settings = {"admin_token": "sesame", "reload_interval": 3600, "served_models": "round_predictor"}
    with serving(home.path, module=ONE_PROCESS, **settings) as server:
        # The alert asks for an increase, which needs a nought to begin from.
        assert b'model_reloads_total{name="round_predictor",result="refused"} 0.0' in server.get("/metrics").body
        bad = home.register_round(bias=0.5)
        stored = connect(home.uri).get_model_version_download_uri(bad.name, bad.version)
        model = Path(stored.removeprefix("file://")) / "model.onnx"
        model.write_bytes(model.read_bytes() + b"\0")
        home.promote(bad)
        assert server.post("/admin/reload", {}).status == 401
        assert server.post("/admin/reload", {}, Authorization="Bearer open").status == 401
        answer = reloaded(server)
        assert answer["status"] == "degraded"
        assert "refused" in answer["reasons"][0]
        assert server.post("/predict/round", ROUND).json["model_version"] == "1"
        assert b'model_reloads_total{name="round_predictor",result="refused"} 0.0' not in server.get("/metrics").body
        good = home.register_round(bias=0.5)
        home.promote(good)
        assert reloaded(server)["status"] == "healthy"
        assert server.post("/predict/round", ROUND).json["model_version"] == good.version
        assert b"sesame" not in server.log.read_bytes()


@contextmanager
def mlflow_server(home, port):
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", home.uri, "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fill_cache(home, settings):
    store = ModelStore(home.uri, settings.champion_cache)
    store.fetch(store.champion("round_predictor"))


def test_while_mlflow_is_away_the_last_champion_answers(home):
    port = free_port()
    address = {"mlflow_tracking_uri": f"http://127.0.0.1:{port}", "served_models": "round_predictor"}
    home.promote(home.register_round())
    fill_cache(home, Settings(home=home.path, **address))

    def says_that_mlflow_is_away(server):
        reasons = health(server).get("reasons", [""])
        return reasons[0].startswith("serving the last champions fetched: MLflow could not be asked")

    with serving(home.path, module=ONE_PROCESS, **address) as server:
        assert server.post("/predict/round", ROUND).json["model_version"] == "1"
        server.await_that(says_that_mlflow_is_away)
        assert health(server)["status"] == "degraded"
        assert server.get("/readyz").status == 200
        home.promote(home.register_round(bias=0.5))
        with mlflow_server(home, port):
            server.await_that(lambda s: versions(s) == {"round_predictor": "2"})
            server.await_that(lambda s: health(s)["status"] == "healthy")
        server.await_that(says_that_mlflow_is_away)
        assert server.post("/predict/round", ROUND).json["model_version"] == "2"


@pytest.fixture
def cached(home):
    """A home whose champion is in the cache, and its settings."""
    home.promote(home.register_round())
    settings = Settings(home=home.path, served_models="round_predictor")
    fill_cache(home, settings)
    return settings


def glance(champions):
    asyncio.run(champions.glance())
    return champions.predictors.get("round_predictor")


def test_a_cached_champion_is_loaded_without_mlflow(cached):
    assert glance(Champions(cached)).version.version == "1"


def test_a_damaged_cache_is_not_served(cached):
    (file,) = cached.champion_cache.glob("round_predictor/1-*/model.onnx")
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    champions = Champions(cached)
    assert glance(champions) is None
    assert "SHA-256" in champions.complaints()[-1]


def test_an_artifact_repaired_by_hand_is_taken_up(cached):
    (file,) = cached.champion_cache.glob("round_predictor/1-*/model.onnx")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    champions = Champions(cached)
    assert glance(champions) is None
    file.write_bytes(whole)
    assert glance(champions).version.version == "1"


def test_an_artifact_put_in_place_of_another_is_not_served(cached, tmp_path):
    (folder,) = cached.champion_cache.glob("round_predictor/1-*")
    shutil.rmtree(folder)
    round_artifact(folder, bias=0.5)
    assert glance(Champions(cached)) is None


def test_a_changed_description_is_taken_up_without_another_load(cached):
    champions = Champions(cached)
    loaded = glance(champions)
    cache = Cache(cached.champion_cache)
    cache.note(replace(loaded.version, promoted_at="2026-02-02"))
    assert glance(champions) is loaded
    assert loaded.version.promoted_at == "2026-02-02"


def test_a_half_written_note_changes_nothing(cached):
    champions = Champions(cached)
    loaded = glance(champions)
    Cache(cached.champion_cache).current_file("round_predictor").write_text('{"name": "round')
    assert glance(champions) is loaded


def no_number_for_even_sides(graph):
    """Make the lower bound a square root: of -0.2 where as many live on either side."""
    last = next(node for node in graph.node if node.output[0] == "low")
    last.op_type = "Sqrt"
    last.input[:] = ["low_logit"]


def one_row_only(graph):
    """Accept single states alone, as a model exported with a fixed batch does."""
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def champion_in_cache(cache, name, version, make):
    description = ModelVersion(name, version, "run", "", "", "", "", "", {}, {})
    artifact = make(cache.folder(description))
    cache.note(replace(description, digest=artifact.digest))


def broken(edit):
    """Makes round models that pass their digests and probe rows, and fail for other states."""

    def make(folder):
        tiny = round_artifact(folder)
        model = onnx.load(folder / "model.onnx")
        edit(model.graph)
        graph, probe = model.SerializeToString(), np.array([[5, 4, *[0] * (len(tiny.features) - 2)]], dtype=np.float32)
        outputs = ort.InferenceSession(graph).run(["probability", "low", "high"], {"features": probe})
        expected = dict(zip(["probability", "low", "high"], outputs, strict=True))
        return write(folder, name=tiny.name, graph=graph, features=tiny.features, probe=probe, expected=expected)

    return make


def refusals():
    return metrics.RELOADS.labels("round_predictor", "refused")._value.get()


@pytest.mark.parametrize("edit", [no_number_for_even_sides, one_row_only])
def test_a_model_that_fails_in_its_warm_up_is_refused_once_and_the_other_one_is_served(tmp_path, edit):
    settings = Settings(home=tmp_path)
    cache, before = Cache(settings.champion_cache), refusals()
    champion_in_cache(cache, "round_predictor", "1", broken(edit))
    champion_in_cache(cache, "player_classifier", "1", player_artifact)
    champions = Champions(settings)
    for _ in range(3):
        asyncio.run(champions.glance())
    assert list(champions.predictors) == ["player_classifier"]
    assert "round_predictor 1 does not work" in champions.complaints()[-1]
    assert refusals() == before + 1
    champion_in_cache(cache, "round_predictor", "2", round_artifact)
    assert glance(champions).version.version == "2"
    assert champions.refused == {}


def test_a_rollback_to_what_is_served_ends_the_complaint_about_a_refused_version(tmp_path):
    settings = Settings(home=tmp_path)
    cache, champions = Cache(settings.champion_cache), Champions(settings)
    champion_in_cache(cache, "round_predictor", "1", round_artifact)
    first = glance(champions)
    champion_in_cache(cache, "round_predictor", "2", broken(one_row_only))
    assert glance(champions) is first
    assert "refused" in champions.complaints()[-1]
    cache.note(first.version)
    assert glance(champions) is first
    assert champions.refused == {}


def test_until_mlflow_was_asked_every_model_is_awaited_and_then_those_with_a_champion(tmp_path):
    settings = Settings(home=tmp_path)
    champion_in_cache(Cache(settings.champion_cache), "round_predictor", "1", round_artifact)
    champions = Champions(settings)
    glance(champions)
    assert champions.missing() == ["player_classifier"]
    Status(1.0, "MLflow was away before it told of the other", {"round_predictor": "1"}).write(settings.champion_cache)
    glance(champions)
    assert champions.missing() == ["player_classifier"]
    Status(1.5, champions={"round_predictor": "1", "player_classifier": None}).write(settings.champion_cache)
    glance(champions)
    assert champions.missing() == []
    Status(2.0, champions={"round_predictor": "1", "player_classifier": "1"}).write(settings.champion_cache)
    glance(champions)
    assert champions.missing() == ["player_classifier"]


def test_what_mlflow_said_last_counts_also_once_its_file_is_gone(tmp_path):
    settings = Settings(home=tmp_path)
    champions = Champions(settings)
    Status(1.0, champions={"round_predictor": "1", "player_classifier": None}).write(settings.champion_cache)
    for _ in range(2):
        asyncio.run(champions.glance())
        assert champions.missing() == ["round_predictor"]
        (settings.champion_cache / STATUS_FILE).unlink(missing_ok=True)


def test_each_mlflow_has_its_own_cache(tmp_path):
    one = Settings(home=tmp_path, mlflow_tracking_uri="http://one")
    assert one.champion_cache != Settings(home=tmp_path, mlflow_tracking_uri="http://two").champion_cache


def test_the_follower_is_replaced_when_it_dies_and_ends_with_the_service(home):
    home.promote(home.register_round())

    def followers(server):
        (worker,) = server.workers()
        children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        return [int(child) for child in children]

    with serving(home.path, served_models="round_predictor") as server:
        (first,) = followers(server)
        os.kill(first, signal.SIGKILL)
        server.await_that(lambda s: followers(s) not in ([], [first]))
        (second,) = followers(server)
        os.kill(server.workers()[0], signal.SIGKILL)  # the worker can tell nobody
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{second}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{second}").exists()
        server.await_that(lambda s: s.post("/predict/round", ROUND).status == 200)


def test_a_reload_has_happened_once_mlflow_was_asked_after_it_was_wanted(tmp_path):
    settings = Settings(home=tmp_path, served_models="round_predictor")
    champions, cache = Champions(settings), Cache(settings.champion_cache)
    assert not asyncio.run(champions.reloaded_since(0.0)), "it was never asked"
    Status(100.0).write(settings.champion_cache)
    champion_in_cache(cache, "round_predictor", "1", round_artifact)
    assert not asyncio.run(champions.reloaded_since(100.1))
    assert champions.predictors == {}
    assert asyncio.run(champions.reloaded_since(100.0))
    assert [version.version for version in champions.versions] == ["1"], "what was found is served already"


def test_a_wish_to_reload_is_a_changed_file_even_where_the_cache_was_deleted(tmp_path):
    settings = Settings(home=tmp_path)
    notes = []
    for _ in range(2):
        request_reload(settings)
        notes.append(note_of(settings.champion_cache / "reload"))
    assert None not in notes and notes[0] != notes[1]


def test_a_version_refused_by_the_follower_is_counted_once_for_each_reason_and_told_to_administrators(tmp_path):
    settings = Settings(home=tmp_path, served_models="round_predictor")
    champions, before = Champions(settings), refusals()

    def counted(number, **refused):
        Status(time.time(), refused=refused).write(settings.champion_cache)
        asyncio.run(champions.glance())
        asyncio.run(champions.glance())
        assert refusals() == before + number

    counted(0, another_model="of another service")
    assert champions.complaints() == ["no champion of round_predictor is loaded"]
    counted(1, round_predictor="its digest differs in /srv/secret")
    counted(1, round_predictor="its digest differs in /srv/secret", another_model="too")
    counted(2, round_predictor="its probe differs")
    assert champions.complaints()[1:] == ["the present champion was refused: its probe differs"]
    assert champions.complaints(detailed=False)[1:] == [
        "the present champion of round_predictor was refused; the service's log says why"
    ]
    counted(2)
    assert champions.complaints() == ["no champion of round_predictor is loaded"]


def test_an_error_of_mlflow_is_told_in_full_to_administrators_and_that_old_champions_serve(tmp_path):
    settings = Settings(home=tmp_path, served_models="round_predictor")
    champions = Champions(settings)
    Status(time.time(), "sqlite:////srv/mlflow.db is locked").write(settings.champion_cache)
    asyncio.run(champions.glance())
    assert champions.complaints()[1:] == ["sqlite:////srv/mlflow.db is locked"]
    champion_in_cache(Cache(settings.champion_cache), "round_predictor", "1", round_artifact)
    asyncio.run(champions.glance())
    assert champions.complaints() == ["serving the last champions fetched: sqlite:////srv/mlflow.db is locked"]
    assert champions.complaints(detailed=False) == [
        "serving the last champions fetched: MLflow could not be asked; the service's log says why"
    ]


def test_another_run_or_digest_under_the_same_number_is_another_model(tmp_path):
    settings = Settings(home=tmp_path, served_models="round_predictor")
    cache, champions = Cache(settings.champion_cache), Champions(settings)
    loads = metrics.RELOADS.labels("round_predictor", "loaded")._value
    before = loads.get()
    for number, (run, bias) in enumerate([("run", 0.0), ("run", 1.0), ("another", 1.0)], 1):
        description = ModelVersion("round_predictor", "1", run, "", "", "", "", "", {}, {})
        folder = cache.folder(description)
        shutil.rmtree(folder, ignore_errors=True)
        cache.note(replace(description, digest=round_artifact(folder, bias=bias).digest))
        assert glance(champions).version.run_id == run
        assert loads.get() == before + number


def test_models_are_listed_in_the_order_in_which_they_are_served(tmp_path):
    settings = Settings(home=tmp_path)
    cache, champions = Cache(settings.champion_cache), Champions(settings)
    champion_in_cache(cache, "player_classifier", "1", player_artifact)
    asyncio.run(champions.glance())
    champion_in_cache(cache, "round_predictor", "1", round_artifact)
    asyncio.run(champions.glance())
    assert [version.name for version in champions.versions] == ["round_predictor", "player_classifier"]


def test_a_refused_version_is_judged_again_only_when_its_files_changed(tmp_path):
    settings = Settings(home=tmp_path, served_models="round_predictor")
    champion_in_cache(Cache(settings.champion_cache), "round_predictor", "1", broken(one_row_only))
    champions, before = Champions(settings), refusals()
    for _ in range(3):
        asyncio.run(champions.glance())
    assert refusals() == before + 1
    (manifest,) = settings.champion_cache.glob("round_predictor/1-*/model.onnx")
    os.utime(manifest)
    asyncio.run(champions.glance())
    assert refusals() == before + 2


def test_a_follower_counts_nothing_itself(monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "folder-of-the-workers")
    environment = champions_module._follower_environment()
    assert "PROMETHEUS_MULTIPROC_DIR" not in environment
    assert environment == {name: os.environ[name] for name in environment} and "PATH" in environment


def test_a_look_that_fails_ends_nothing_and_the_end_of_following_ends_it_all(tmp_path, monkeypatch):
    ended = []

    async def follow(root):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(root)

    class Failing(Champions):
        looks = 0

        async def glance(self):
            self.looks += 1
            if self.looks == 2:
                raise OSError("a disk that comes and goes")

    async def run():
        champions = Failing(Settings(home=tmp_path))
        async with champions.followed():
            while champions.looks < 4:
                await asyncio.sleep(0.001)
        return asyncio.all_tasks() - {asyncio.current_task()}

    monkeypatch.setattr(champions_module, "GLANCE", 0.001)
    monkeypatch.setattr(champions_module, "keep_following", follow)
    assert asyncio.run(run()) == set()
    assert ended == [Settings(home=tmp_path).champion_cache]


def test_a_reload_that_is_asked_for_is_passed_on_once(tmp_path, monkeypatch):
    monkeypatch.setattr(champions_module, "GLANCE", 0.001)

    async def run():
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
        file = tmp_path / champions_module.RELOAD_FILE
        file.write_text("before it was started")
        passing = asyncio.create_task(champions_module._pass_on_reloads(process, file))
        await asyncio.sleep(0.05)
        file.write_text("now")
        assert await process.stdout.readline() == b"\n"
        await asyncio.sleep(0.05)
        process.stdin.close()
        await passing
        return await process.stdout.read(), process.returncode

    assert asyncio.run(run()) == (b"", 0)


def test_a_follower_that_does_not_end_is_ended():
    async def run():
        process = await asyncio.create_subprocess_exec("sleep", "600", stdin=asyncio.subprocess.PIPE)
        await champions_module._end(process)
        await champions_module._end(process)  # it has ended already
        return process.returncode

    assert asyncio.run(run()) == -signal.SIGKILL
