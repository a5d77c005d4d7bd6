"""Workers on a machine that is not as it should be, and in the hands of an operator."""

import shutil

from tests.chaos.workers import Worker, running


async def test_a_state_directory_that_is_gone_costs_no_other_metric(worker: Worker) -> None:
    with running(worker):
        shutil.rmtree(worker.state)
        for _ in range(2):
            status, shown = worker.get("/metrics")
            assert status == 200
            assert "\naudio_memory_bytes " in shown
            assert "\naudio_state_disk_free_bytes " not in shown
        assert worker.is_ready()
        failed = [line["metric"] for line in worker.lines() if line["event"] == "gauge_failed"]
        assert failed == ["audio_state_disk_free_bytes", "audio_state_disk_bytes"]
