"""Reports as the pipeline writes them, made for pages."""

DATA = {
    "matches": 40,
    "sources": [{"kind": "simulated matches", "share": 0.75}, {"kind": "demo files", "share": 0.25}],
    "mixed": "simulated and real matches are mixed",
    "first_day": "2026-01-01",
    "last_day": "2026-01-09",
    "watermark": {"demo_id": 40, "parsed_at": "2026-01-09T12:00:00+00:00"},
    "tables": [
        {
            "table": "rounds", "days": 9, "rows": 812, "refused": [{"reason": "value missing", "rows": 1}],
            "left_out": [{"reason": "warm-up round", "rows": 7, "expected": True},
                         {"reason": "value missing", "rows": 1, "expected": False}],
        }
    ],
    "refused_rows": 1,
    "refused": [
        {"table": "rounds", "day": "2026-01-02", "row": "Rounds 7", "reason": "value missing",
         "detail": "<script>alert(1)</script>"}
    ],
    "quarantine": [{"day": "2026-01-03", "why": "rounds in quarantine (scores)"}],
    "matches_left_out": [{"day": "2026-01-04", "match_id": 9, "why": "rounds (sides)"}],
    "unchecked": [],
}  # fmt: skip

LOOK = {
    "version": "1",
    "seen_until": "2026-01-09T12:00:00+00:00",
    "note": "",
    "alarms": {"1": {"drift": {"at": "2026-01-11T05:30:00+00:00", "sentence": "unknown maps are played"}}},
    "calibration": {
        "sentence": "no surplus or lack of CT wins is sure", "rings": False, "odds": 1.25, "changed_at": None,
        "matches": 12, "rounds": 250, "figures": {"live_log_loss": 0.52, "live_ece": 0.03},
    },
    "drift": {
        "sentence": "maps are played that were not learned", "rings": True, "odds": 640.0,
        "changed_at": "2026-01-10T12:00:00+00:00", "matches": 12, "figures": {"unseen_maps": 0.2},
    },
}  # fmt: skip

KNOWN_PLAYER = "t1p1"
PLAYER = {
    "tier": {
        "skill_level": "Advanced", "confidence": 0.55, "version": "2", "rounds": 1200,
        "scores": {"Beginner": 0.05, "Intermediate": 0.3, "Advanced": 0.55, "Pro": 0.1},
    },
    "added": {"per_round": 0.0123, "low": 0.003, "high": 0.0214, "rounds": 1200, "matches": 55},
    "form": [{"day": "2026-01-09", "map_name": "de_nuke", "kills": 20, "deaths": 12, "rounds": 24, "adr": 81.5}],
}  # fmt: skip
"""What the directories hold of a player beside the record."""

EVIDENCE = {
    "metrics": {
        "test_log_loss": 1.25, "test_accuracy": 0.6124, "test_accuracy_low": 0.55, "test_accuracy_high": 0.661,
        "valid_accuracy": 0.875, "test_brier": 0.2, "test_brier_low": 0.15, "test_ece": 0.03, "test_ece_high": 0.05,
    },
    "tags": {"dagster_run_id": "a1b2c3", "learned_from": "demo files", "git_commit": "0123456789abcdef"},
    "files": {
        "model_card.md": "# What it is for\n\n| part | rows |\n|---|---|\n| test | 120 |\n\n"
        "<script>alert(1)</script>\n",
        "reliability.csv": "mean_prediction,mean_outcome,outcome_low,outcome_high,rows\n"
        "0.1234,0.1501,0.1,0.21,1500\n0.9,nan,nan,nan,3\n",
        "slices.csv": "slice,value,rows,gap\nmap,de_nuke,120,0.012345\n"
        + "".join(f"map,de_{number},1,0.5\n" for number in range(60)),
    },
}  # fmt: skip
"""Evidence of a training as the registry takes it."""
