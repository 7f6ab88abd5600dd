"""The stand-in for PySpin refuses what cameras are known to refuse; else tests against it would mean nothing."""

from __future__ import annotations

from typing import Any

import pytest

from pyspin_stand_in.models import bfs, gs3
from pyspin_stand_in.module import World, module, two_cameras


class Session:
    """A program that has opened both cameras and holds on to them."""

    def __init__(self, model: Any) -> None:
        self.world = World()
        self.devices = two_cameras(self.world, model)
        self.sdk: Any = module(self.world)
        self.system = self.sdk.System.GetInstance()
        self.list = self.system.GetCameras()
        self.cameras = [self.list.GetByIndex(index) for index in range(2)]
        for camera in self.cameras:
            camera.Init()

    def enumeration(self, name: str) -> Any:
        return self.sdk.CEnumerationPtr(self.cameras[0].GetNodeMap().GetNode(name))

    def number(self, name: str) -> Any:
        return self.sdk.CFloatPtr(self.cameras[0].GetNodeMap().GetNode(name))

    def integer(self, name: str) -> Any:
        return self.sdk.CIntegerPtr(self.cameras[0].GetNodeMap().GetNode(name))

    def choose(self, name: str, entry: str) -> None:
        node = self.enumeration(name)
        node.SetIntValue(node.GetEntryByName(entry).GetValue())

    def refuses(self, code: int) -> Any:
        return pytest.raises(self.sdk.SpinnakerException, match=str(code))


@pytest.fixture(params=[gs3, bfs])
def session(request: pytest.FixtureRequest) -> Session:
    return Session(request.param())


class TestAccess:
    def test_line_source_needs_an_output(self, session: Session) -> None:
        session.choose("LineSelector", "Line2")
        assert not session.sdk.IsAvailable(session.enumeration("LineSource"))
        session.choose("LineMode", "Output")
        assert session.sdk.IsAvailable(session.enumeration("LineSource"))

    def test_the_trigger_source_is_chosen_while_the_trigger_is_off(self, session: Session) -> None:
        session.choose("TriggerSource", "Line3")
        session.choose("TriggerMode", "On")
        with session.refuses(-2006):
            session.choose("TriggerSource", "Line2")

    def test_overlap_needs_the_trigger_in_one_dialect(self, session: Session) -> None:
        newer = session.devices[0].model.counter == "FrameID"
        assert session.sdk.IsAvailable(session.enumeration("TriggerOverlap")) == newer

    def test_rate_needs_its_switch(self, session: Session) -> None:
        with session.refuses(-2006):
            session.number("AcquisitionFrameRate").SetValue(20.0)

    def test_exposure_needs_its_automatic_off_and_has_limits(self, session: Session) -> None:
        with session.refuses(-2006):
            session.number("ExposureTime").SetValue(5000.0)
        session.choose("ExposureAuto", "Off")
        session.choose("ExposureMode", "Timed")
        with session.refuses(-2002):
            session.number("ExposureTime").SetValue(1.0)

    def test_offset_and_size_bound_each_other(self, session: Session) -> None:
        before = session.integer("Width").GetMax()
        session.integer("OffsetX").SetValue(0)
        assert session.integer("Width").GetMax() > before

    def test_chunks_need_their_mode(self, session: Session) -> None:
        assert not session.sdk.IsAvailable(session.enumeration("ChunkSelector"))

    def test_no_settings_while_streaming(self, session: Session) -> None:
        session.cameras[0].BeginAcquisition()
        assert not session.sdk.IsWritable(session.integer("Width"))
        with session.refuses(-2006):
            session.choose("TriggerMode", "On")

    def test_a_node_of_the_other_dialect_is_not_there(self, session: Session) -> None:
        names = {"AcquisitionFrameRateEnable", "AcquisitionFrameRateEnabled"}
        there = {name for name in names if session.cameras[0].GetNodeMap().GetNode(name) is not None}
        assert there == {session.devices[0].model.rate_enable}

    def test_the_older_generation_listens_to_the_falling_edge(self) -> None:
        assert gs3().features["TriggerActivation"].value == "FallingEdge"


class TestLifetime:
    def test_a_reference_that_is_kept(self, session: Session) -> None:
        with session.refuses(-1004):
            session.list.Clear()

    def test_a_node_keeps_its_camera(self, session: Session) -> None:
        node = session.integer("Width")
        session.cameras.clear()
        with session.refuses(-1004):
            session.list.Clear()
        del node
        session.list.Clear()
        session.system.ReleaseInstance()
        assert not session.world.held

    def test_a_list_that_was_not_cleared(self, session: Session) -> None:
        session.cameras.clear()
        with session.refuses(-1004):
            session.system.ReleaseInstance()

    def test_open_elsewhere(self, session: Session) -> None:
        session.devices[0].taken_elsewhere = True
        with session.refuses(-1005):
            session.cameras[0].Init()

    def test_no_plug(self, session: Session) -> None:
        session.world.unplug(session.devices[0].serial)
        with session.refuses(-1010):
            session.integer("Width").GetValue()


class TestStreaming:
    def test_no_trigger_is_a_time_out(self, session: Session) -> None:
        session.devices[0].source = None
        session.choose("TriggerSelector", "FrameStart")
        session.choose("TriggerMode", "On")
        session.cameras[0].BeginAcquisition()
        with session.refuses(-1011):
            session.cameras[0].GetNextImage(5)

    def test_pulses_arrive_only_over_the_right_nodes(self, session: Session) -> None:
        """The secondary is right; the primary does not drive its line yet."""
        primary, secondary = session.devices
        secondary.nodes.set_at("TriggerMode", "FrameStart", "On")
        secondary.nodes.set_at("TriggerSource", "FrameStart", "Line3")
        for camera in (session.cameras[1], session.cameras[0]):
            camera.BeginAcquisition()
        assert list(secondary.exposures(0, 2**62)) == []
        primary.nodes.set_at("LineMode", primary.model.output_line, "Output")
        primary.nodes.set_at("LineSource", primary.model.output_line, "ExposureActive")
        primary.nodes.set_at("V3_3Enable", "Line2", True)
        now = primary.sessions[0].began_ns + 1_000_000_000
        assert len(list(secondary.exposures(0, now))) > 1

    def test_images_that_are_kept_stall_the_camera(self, session: Session) -> None:
        session.devices[0].stream["StreamBufferCountMode"] = "Manual"
        session.devices[0].stream["StreamBufferCountManual"] = 3
        session.cameras[0].BeginAcquisition()
        kept = [session.cameras[0].GetNextImage(2000) for _ in range(3)]
        with session.refuses(-1011):
            session.cameras[0].GetNextImage(60)
        for image in kept:
            image.Release()
        session.cameras[0].GetNextImage(2000).Release()

    def test_pixels_of_a_released_image_are_overwritten(self, session: Session) -> None:
        session.cameras[0].BeginAcquisition()
        image = session.cameras[0].GetNextImage(2000)
        pixels = image.GetNDArray()
        image.Release()
        assert (pixels == 255).all()

    def test_what_would_hang_is_a_violation(self, session: Session) -> None:
        session.cameras[0].BeginAcquisition()
        session.cameras[0].GetNextImage().Release()
        session.cameras[0].DeInit()
        assert session.world.violations == ["GetNextImage without a time-out", "DeInit while streaming"]
