"""How the gateway says that it is: to everybody, part by part."""

from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway


def test_what_does_not_work_makes_it_unready_and_degraded_but_not_dead(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        complaints = client.app.state.complaints
        complaints.clear()
        complaints["live"] = complaints["records"] = lambda: None
        assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ready"})
        told = client.get("/health").json()
        assert (told["status"], told["reasons"]) == ("healthy", [])
        assert told["version"][0].isdigit()
        complaints["live"] = lambda: "the log cannot be read"
        complaints["other"] = lambda: "it is away"
        answered = client.get("/readyz")
        assert (answered.status_code, answered.headers["retry-after"]) == (503, "1")
        assert "live: the log cannot be read; other: it is away" in answered.json()["detail"]
        told = client.get("/health")
        assert (told.status_code, told.json()["status"]) == (200, "degraded")
        assert told.json()["reasons"] == ["live: the log cannot be read", "other: it is away"]
        assert (client.get("/livez").status_code, client.get("/livez").json()) == (200, {"status": "alive"})


def test_metrics_are_for_prometheus_and_not_in_the_document(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        client.get("/livez")
        answered = client.get("/metrics")
        assert answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'route="/livez"' in answered.text
        assert "/metrics" not in client.get("/openapi.json").json()["paths"]
