"""The sets that are known by name. A new one is one more row, and one more small tree in the test."""

from __future__ import annotations

from collections.abc import Mapping

from nirvis_capture.profile import Mode
from nirvis_datasets.external.layout import Layout, Rule

_ANY = r"(?P<name>[^/]+)\.SUFFIX"
_VSIAD_NAME = r"(?P<name>(?P<recording>(?P<place>[^_/]+)_Scene(?P<scene>\d+))(?:_[^/]*)?)\.SUFFIX"
_VSIAD_MODES: Mapping[str, Mode] = {str(scene): "night" if scene <= 5 else "day" for scene in range(1, 11)}
_KAIST = r"(?P<recording>set(?P<set>(?P<light>\d\d))/V\d{3})"
_FLIR_FRAME = r"(?P<recording>video-[^/-]+)-frame-(?P<name>\d+)[^/]*\.SUFFIX"
_INFRARED = r"(?:infrared|ir|inf|thermal|lwir|nir|cropinfrared)"
_VISIBLE = r"(?:visible|vis?|rgb|color|crop_[lh]r_visible)"
_SCENES = "(?:city|highway|monitor)"
_SET_BEFORE = r"(?:(?P<set>train|val|test)/)?"

LAYOUTS: Mapping[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "vsiad",
            "VSIAD (Wu et al. 2020): registered NIR | VNIR and visible pairs",
            "src/P01_Scene1_0001.png beside tar/P01_Scene1_0001.png",
            (Rule(rf"src/{_VSIAD_NAME}", rf"tar/{_VSIAD_NAME}"),),
            band="nir850",
            licence="MIT",
            scene_modes=_VSIAD_MODES,
            lists={"train": "train.txt", "val": "val.txt", "test": "test.txt"},
        ),
        Layout(
            "irvi",
            "IRVI (Li et al. 2021): infrared and visible video, unpaired to train, paired to test",
            "triplet/traffic/trainA/0001.png and single/traffic/testA/0001.png",
            (
                Rule(
                    rf"triplet/(?P<recording>[^/]+(?:/[^/]+)?)/(?P<set>train)A/{_ANY}",
                    rf"triplet/(?P<recording>[^/]+(?:/[^/]+)?)/(?P<set>train)B/{_ANY}",
                    paired=False,
                    tiles=3,
                ),
                Rule(
                    rf"single/(?P<recording>[^/]+(?:/[^/]+)?)/(?P<set>test)A/{_ANY}",
                    rf"single/(?P<recording>[^/]+(?:/[^/]+)?)/(?P<set>test)B/{_ANY}",
                ),
            ),
        ),
        *(
            Layout(
                name,
                f"{title} (Yu et al.): infrared and visible video of cities, unpaired",
                f"{example}/trainA/0001.png (two frames side by side), {example}/testA/0001.png",
                (
                    Rule(
                        rf"(?P<recording>{scene})/(?P<set>train)A/{_ANY}",
                        rf"(?P<recording>{scene})/(?P<set>train)B/{_ANY}",
                        paired=False,
                        tiles=2,
                    ),
                    Rule(
                        rf"(?P<recording>{scene})/(?P<set>val|test)A/{_ANY}",
                        rf"(?P<recording>{scene})/(?P<set>val|test)B/{_ANY}",
                        paired=False,
                    ),
                ),
            )
            for name, title, example, scene in (
                ("infraredcity", "InfraredCity", "city", r"[^/]+(?:/[^/]+)?"),
                ("infraredcity-lite", "InfraredCity-Lite", "city/clearday", rf"{_SCENES}(?:/(?:clearday|overcast))?"),
                ("infraredcity-adverse", "InfraredCity-Adverse", "rain", rf"(?:{_SCENES}/)?(?:rain|snow)"),
            )
        ),
        Layout(
            "flowers",
            "Recycle-GAN flower videos (Bansal et al. 2018): two kinds of flowers that open, unpaired",
            "trainA/0001.png (three frames side by side)",
            (Rule(rf"(?P<set>train|val|test)A/{_ANY}", rf"(?P<set>train|val|test)B/{_ANY}", paired=False, tiles=3),),
            mode="day",
            band="visible",
        ),
        Layout(
            "kaist",
            "KAIST multispectral pedestrians (Hwang et al. 2015): thermal and visible through one beam splitter",
            "set00/V000/lwir/I00000.jpg beside set00/V000/visible/I00000.jpg",
            (Rule(rf"{_KAIST}/lwir/(?P<name>I\d+)\.SUFFIX", rf"{_KAIST}/visible/(?P<name>I\d+)\.SUFFIX"),),
            sets={f"{i:02d}": "train" if i < 6 else "test" for i in range(12)},
            lights={f"{i:02d}": "day" if i % 6 < 3 else "night" for i in range(12)},
        ),
        Layout(
            "flir-adas",
            "FLIR ADAS: thermal and visible car cameras beside each other, not registered",
            "train/thermal_8_bit/FLIR_00001.jpeg and train/RGB/FLIR_00001.jpg, or images_thermal_train/data/*.jpg",
            (
                Rule(
                    rf"(?P<set>train|val)/thermal_8_bit/{_ANY}",
                    rf"(?P<set>train|val)/RGB/{_ANY}",
                    paired=False,
                    video=False,
                ),
                Rule(
                    rf"images_thermal_(?P<set>train|val)/data/{_FLIR_FRAME}",
                    rf"images_rgb_(?P<set>train|val)/data/{_FLIR_FRAME}",
                    paired=False,
                    video=False,
                ),
                Rule(
                    rf"video_thermal_(?P<set>test)/data/{_FLIR_FRAME}",
                    rf"video_rgb_(?P<set>test)/data/{_FLIR_FRAME}",
                    paired=False,
                ),
            ),
        ),
        Layout(
            "flir-aligned",
            "FLIR ADAS as aligned by Zhang et al. 2020",
            "JPEGImages/FLIR_00002_PreviewData.jpeg beside JPEGImages/FLIR_00002_RGB.jpg",
            (
                Rule(
                    r"JPEGImages/(?P<name>FLIR_\d+)_PreviewData\.SUFFIX",
                    r"JPEGImages/(?P<name>FLIR_\d+)_RGB\.SUFFIX",
                ),
            ),
            lists={"train": "align_train.txt", "test": "align_validation.txt"},
        ),
        Layout(
            "vot-rgbt",
            "VOT-RGBT (Kristan et al. 2019, from RGBT234): tracked objects, thermal and visible",
            "afterrain/ir/00000001i.jpg beside afterrain/color/00000001v.jpg",
            (
                Rule(
                    r"(?P<recording>(?P<place>[^/]+))/(?:ir|infrared)/(?P<name>\d+)i?\.SUFFIX",
                    r"(?P<recording>(?P<place>[^/]+))/(?:color|visible)/(?P<name>\d+)v?\.SUFFIX",
                ),
            ),
        ),
        Layout(
            "epfl",
            "EPFL RGB-NIR scenes (Brown and Süsstrunk 2011): photographs, nominally aligned",
            "country/0000_nir.tiff beside country/0000_rgb.tiff",
            (
                Rule(
                    r"(?P<recording>(?P<place>[^/]+))/(?P<name>\d{4})_nir\.SUFFIX",
                    r"(?P<recording>(?P<place>[^/]+))/(?P<name>\d{4})_rgb\.SUFFIX",
                    video=False,
                ),
            ),
            band="nir",
            licence="for research, with citation",
        ),
        Layout(
            "fusion",
            "RoadScene, MSRS and other fusion sets: one folder of infrared, one of visible, equal names",
            "train/ir/00001D.png beside train/vi/00001D.png, or cropinfrared/ beside crop_LR_visible/",
            (
                Rule(
                    rf"{_SET_BEFORE}{_INFRARED}/(?P<name>[^/]*?(?P<light>[DN])?)\.SUFFIX",
                    rf"{_SET_BEFORE}{_VISIBLE}/(?P<name>[^/]*?(?P<light>[DN])?)\.SUFFIX",
                    video=False,
                ),
            ),
            lights={"D": "day", "N": "night"},
        ),
        Layout(
            "unaligned",
            "trainA and trainB folders as CycleGAN, CUT and their kin read them, unpaired",
            "trainA/0001.png and trainB/0001.png",
            (Rule(rf"(?P<set>train|val|test)A/{_ANY}", rf"(?P<set>train|val|test)B/{_ANY}", paired=False),),
            band="nir",
        ),
    )
}
"""Name → layout."""
