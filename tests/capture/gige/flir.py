"""A GigE camera with the feature names of a Grasshopper3, for the program that plays GigE cameras.

Made from the description that Aravis' own camera gives of itself. The registers of the added features exist, but
nothing happens behind them.
"""

from __future__ import annotations

GAIN, LINE_SELECTOR, LINE_MODE, LINE_SOURCE = 0x2000, 0x2010, 0x2020, 0x2024
TRIGGER_OVERLAP, EXPOSURE_AUTO, GAMMA, RATE_ENABLED = 0x2080, 0x2084, 0x2088, 0x208C
CHUNK_MODE, CHUNK_SELECTOR, CHUNK_ENABLE = 0x2090, 0x2094, 0x20A0
LATCH, CLOCK, TEMPERATURE, LINK = 0x20C0, 0x20C4, 0x20D0, 0x20D4
LINE_STRIDE = 0x20

_REGISTERS = {
    GAIN: "GainRegister",
    LINE_SELECTOR: "LineSelectorRegister",
    LINE_MODE: "LineModeRegister",
    LINE_SOURCE: "LineSourceRegister",
    TRIGGER_OVERLAP: "TriggerOverlapRegister",
    EXPOSURE_AUTO: "ExposureAutoRegister",
    GAMMA: "GammaEnabledRegister",
    RATE_ENABLED: "AcquisitionFrameRateEnabledRegister",
    CHUNK_MODE: "ChunkModeActiveRegister",
    CHUNK_SELECTOR: "ChunkSelectorRegister",
    CHUNK_ENABLE: "ChunkEnableRegister",
    LATCH: "TimestampLatchRegister",
    CLOCK: "TimestampRegister",
    TEMPERATURE: "TemperatureRegister",
    LINK: "LinkRegister",
}
_INDEX = {LINE_MODE: "LineSelectorRegister", LINE_SOURCE: "LineSelectorRegister", CHUNK_ENABLE: "ChunkSelectorRegister"}
_ENTRIES = {
    "LineSelector": ("Line2", "Line3"),
    "LineMode": ("Input", "Output"),
    "LineSource": ("Off", "ExposureActive"),
    "TriggerOverlap": ("Off", "ReadOut"),
    "ExposureAuto": ("Off", "Continuous"),
    "ChunkSelector": ("ExposureTime", "Gain"),
}
"""Value of an entry: its place."""
_SWITCHES = ("GammaEnabled", "AcquisitionFrameRateEnabled", "ChunkModeActive", "ChunkEnable")


def flir_description(description: str) -> str:
    """The GenICam description of a camera that Aravis plays, with other names and more features."""
    renamed = description.replace("ExposureTimeAbs", "ExposureTime").replace('Name="Line0"', 'Name="Line3"')
    features = [_register(address, name) for address, name in _REGISTERS.items()]
    features += [_enumeration(name, entries) for name, entries in _ENTRIES.items()]
    features += [
        f'<Boolean Name="{name}"><pValue>{name}Register</pValue><OnValue>1</OnValue><OffValue>0</OffValue></Boolean>'
        for name in _SWITCHES
    ]
    features += [
        '<Command Name="TimestampLatch"><pValue>TimestampLatchRegister</pValue>'
        "<CommandValue>1</CommandValue></Command>",
        '<Integer Name="DeviceLinkThroughputLimit"><pValue>LinkRegister</pValue><Min>1000000</Min>'
        "<Max>125000000</Max><Inc>400000</Inc></Integer>",
        '<Integer Name="Timestamp"><pValue>TimestampRegister</pValue></Integer>',
        '<Float Name="Gain"><pValue>GainSteps</pValue><Min>0.0</Min><Max>24.0</Max></Float>'
        '<Converter Name="GainSteps"><FormulaTo>(FROM * 10)</FormulaTo><FormulaFrom>(TO / 10.0)</FormulaFrom>'
        "<pValue>GainRegister</pValue></Converter>",
        '<Float Name="DeviceTemperature"><pValue>TemperatureTenths</pValue></Float>'
        '<Converter Name="TemperatureTenths"><FormulaTo>(FROM * 10)</FormulaTo><FormulaFrom>(TO / 10.0)</FormulaFrom>'
        "<pValue>TemperatureRegister</pValue></Converter>",
    ]
    return renamed.replace("</RegisterDescription>", "\n".join([*features, "</RegisterDescription>"]))


def _register(address: int, name: str) -> str:
    index = f'<pIndex Offset="{LINE_STRIDE:#x}">{_INDEX[address]}</pIndex>' if address in _INDEX else ""
    return (
        f'<IntReg Name="{name}"><Address>{address:#x}</Address>{index}<Length>4</Length><AccessMode>RW</AccessMode>'
        "<pPort>Device</pPort><Sign>Unsigned</Sign><Endianess>BigEndian</Endianess></IntReg>"
    )


def _enumeration(name: str, entries: tuple[str, ...]) -> str:
    listed = "".join(
        f'<EnumEntry Name="{entry}"><Value>{value}</Value></EnumEntry>' for value, entry in enumerate(entries)
    )
    return f'<Enumeration Name="{name}">{listed}<pValue>{name}Register</pValue></Enumeration>'
