"""The experiments: each a small named difference from the defaults, with what to expect of it."""

from dataclasses import replace

from mtunet.detection.network import NetworkConfig
from training.experiment import Experiment, PhantomData
from training.sampling import Augmentation, Degradation

GENTLE = Augmentation(intensity=True, harshest_blur=0.6, harshest_noise=0.02)
"""Leaves faint calcium visible, which the defaults sometimes do not."""
NOISY = replace(GENTLE, harshest_noise=0.04)
WORN = Degradation(detail=(0.5, 1.15), detail_share=0.5, jpeg_share=0.33)
"""As films, copies and archives are."""
STRAYS = replace(WORN, strays_share=0.35)
MORE = PhantomData(harder=300, plain=300, inserted=600, artefacts=0.5)

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            name="detail",
            expect="Where the shipped `detail` model began. Hoped for: MC sensitivity ≥ 0.85 at ≤ 0.5 "
            "false positives per image and BAC pixel F1 ≥ 0.75 on 100 unseen phantoms; about an hour on 2 CPU cores.",
        ),
        Experiment(
            name="detail-long",
            expect="Half of the shipped `detail` model (`detail-mean`): `detail` (which saw phantoms of version 1) "
            "continued on those of version 2, whose arteries are marked only where their calcium can be "
            "seen, and with gentler blur and noise. Predicted: BAC pixel F1 from 0.54 to above 0.75, "
            "since half of its misses were marked stretches "
            "without visible calcium; MC sensitivity above 0.85. An hour on 2 idle CPU cores.",
            steps=3200,
            learning_rate=2e-3,
            augmentation=GENTLE,
            begin_with="detail",
            seed=3,
        ),
        Experiment(
            name="detail-apart",
            expect="`detail-long` continued; false pixels cost five times as much where they are the other type. "
            "Predicted: BAC components called MC from 14 % to under 8 %, the rest a little better by "
            "the longer training. Twenty minutes on 2 idle CPU cores.",
            steps=1000,
            learning_rate=1.5e-3,
            objective="batch-dice-bce-apart",
            augmentation=GENTLE,
            begin_with="detail-long",
            seed=5,
        ),
        Experiment(
            name="detail-real",
            expect="`detail-mean` continued with 300 harder phantoms (hard cases and both types), 300 views of real "
            "films into which calcium was put, or nothing (six CBIS-DDSM views), and scanner lines, borders "
            "and labels on half of the phantoms. Predicted: false BAC on the normal mini-MIAS films, none of "
            "which is learnt from, from 6.1 to under 2 a film, false MC from 0.74 to under 0.5, clusters hit "
            "as before; on phantoms BAC pixel F1 from 0.74 to above 0.76 and BAC components called MC from "
            "13.5 % to under 10 % (looked at one by one, half of those on the validation part are a few "
            "specks with no vessel to be seen, which no reader would call arterial), MC sensitivity as it "
            "was. An hour on one CPU core that computes in bfloat16.",
            steps=3000,
            learning_rate=1.5e-3,
            objective="batch-dice-bce-apart",
            augmentation=GENTLE,
            begin_with="detail-mean",
            data=PhantomData(harder=300, inserted=300, artefacts=0.5),
            seed=8,
            found="False BAC 0.9 and false MC 0.4 a normal film, 9 of 10 clusters hit; on phantoms BAC pixel F1 0.791, "
            "BAC components called MC 10.2 %, MC sensitivity 0.857 at 0.32 false positives.",
        ),
        Experiment(
            name="detail-steady",
            expect="`detail-real` continued on crops with up to 4 % noise, JPEG at quality 50 to 95 on a third, fine "
            "detail times 0.5 to 1.15 on half (a classifier told phantoms from films by their stronger detail), and "
            "insertion version 2. Predicted: flag unchanged under the perturbations from 83 % to 90 %, most of it "
            "under noise and JPEG (67 and 71 %); normal mini-MIAS films flagged from 21 of 31 to under 16; on phantoms "
            "everything within two hundredths. Looked at from both sides, which on the validation views of "
            "`detail-real` gave BAC F1 0.691 to 0.711 and MC sensitivity 0.77 to 0.80 at the same false positives. "
            "An hour on one CPU core that computes in bfloat16.",
            steps=3000,
            learning_rate=1.2e-3,
            objective="batch-dice-bce-apart",
            augmentation=NOISY,
            degradation=WORN,
            mirrored=True,
            begin_with="detail-real",
            data=PhantomData(harder=300, inserted=300, artefacts=0.5),
            seed=9,
            found="Flag unchanged 90 %; 20 of 31 normal films flagged, so that prediction was wrong; on phantoms BAC "
            "pixel F1 0.803, MC sensitivity 0.873 at 0.39, BAC components called MC 9.8 %. Its mean with `detail-real` "
            "(`detail-both`: BAC F1 0.801, MC 0.873 at 0.36, 8.8 %) flags 15 of the 31, 88 % unchanged: that ships.",
        ),
        Experiment(
            name="detail-wide",
            expect="`detail-both` widened from 12 to 16 channels and continued: on phantoms and views it had learnt "
            "from it did no better than on others (MC sensitivity 0.75, 0.80), so it lacks room or steps, not data; "
            "and channels in sixteens are faster in bfloat16. With 300 plain films, which a classifier tells from real "
            "ones in 65 % (film phantoms: 96 %), twice as many views with calcium put in, and scales to 1.25. "
            "Predicted: on phantoms MC sensitivity from 0.873 to above 0.89 at 0.5 false positives, BAC components "
            "called MC from 8.8 % to under 7 %, BAC pixel F1 from 0.80 to above 0.82; normal mini-MIAS films flagged "
            "from 15 of 31 to under 12; flag unchanged from 88 % to above 90 %. A view costs a quarter less network. "
            "Seventy minutes on 2 CPU cores that compute in bfloat16.",
            network=NetworkConfig(width=16, norm="group"),
            steps=5500,
            learning_rate=2e-3,
            objective="batch-dice-bce-apart",
            augmentation=replace(NOISY, scale=0.25),
            degradation=WORN,
            mirrored=True,
            begin_with="detail-both",
            data=MORE,
            seed=10,
            found="On phantoms BAC pixel F1 0.823, MC sensitivity 0.873 at 0.43, BAC components called MC 8.8 %; on "
            "films it holds less well (`real-wide`): 0.7 false MC and 0.9 false BAC a normal one, 22 of 31 flagged, 9 "
            "of 10 clusters hit. So room alone was not what lacked. The widening disturbed the start.",
        ),
        Experiment(
            name="detail-strays",
            expect="`detail-wide` continued where it is wrong on what it learns from (mined), with one to three stray "
            "bright dots on a third of the crops: most false MC on normal films (looked at one by one) lie about two "
            "to four dots, dust or single calcifications. Predicted: false MC on a normal mini-MIAS film from 0.5 to "
            "under 0.3, clusters hit as before; on phantoms everything within a hundredth, false positives fewer. "
            "Half an hour on 2 CPU cores that compute in bfloat16.",
            network=NetworkConfig(width=16, norm="group"),
            steps=1500,
            learning_rate=1e-3,
            objective="batch-dice-bce-apart",
            augmentation=replace(NOISY, scale=0.25),
            degradation=STRAYS,
            mined=2,
            mirrored=True,
            begin_with="detail-wide",
            data=MORE,
            seed=11,
            found="On validation views the same MC sensitivity (0.79) at 0.19 instead of 0.47 false positives. Chosen "
            "at half a false positive an image: MC 0.905 at 0.49 on phantoms, BAC pixel F1 0.820, but BAC components "
            "called MC 12.6 %; on films (`real-strays`) 0.8 false MC and 0.9 false BAC a normal one, 23 of 31 flagged, "
            "9 of 10 clusters hit. Its strays still lay above blur and noise.",
        ),
        Experiment(
            name="detail-plain",
            expect="`detail-both` continued at its own width, because `detail-wide` holds less well on real films (22 "
            "of 31 normal ones flagged): with plain films, twice as many views with calcium put in, scales to 1.25 and "
            "strays, which now lie under the blur and noise that specks undergo and keep away from MC. Predicted: its "
            "mean with `detail-both` flags under 12 of the 31 (`detail-both`: 15), with 8 or more of 10 clusters hit; "
            "BAC pixel F1 on phantoms above 0.81. A quarter of an hour on 2 CPU cores that compute in bfloat16.",
            steps=1800,
            learning_rate=1.2e-3,
            objective="batch-dice-bce-apart",
            augmentation=replace(NOISY, scale=0.25),
            degradation=STRAYS,
            mirrored=True,
            begin_with="detail-both",
            data=MORE,
            seed=12,
            found="Its mean with `detail-both` (`detail-four`, `real-four`): 18 of the 31 flagged, so that prediction "
            "was wrong; 9 of 10 clusters hit, 78 % of the arteries of MG1 found (74 %); on phantoms MC 0.841 at 0.42, "
            "BAC pixel F1 0.802, BAC components called MC 9.3 %. What ships stays.",
        ),
        Experiment(
            name="detail-flat",
            expect="`detail-strays` continued with strays under blur and noise, at a rate that stays; the mean of the "
            "weights of the last four fifths of its steps, because means of two runs have held better on films than "
            "either (`detail-both`: 15 normal films flagged, its halves 20 and 21). Predicted: normal mini-MIAS films "
            "flagged from 23 of 31 to under 16, clusters hit as before; on phantoms MC sensitivity above 0.90 at half "
            "a false positive, BAC pixel F1 above 0.83, BAC components called MC under 10 %. An hour on 2 CPU cores.",
            network=NetworkConfig(width=16, norm="group"),
            steps=4500,
            learning_rate=1e-3,
            objective="batch-dice-bce-apart",
            augmentation=replace(NOISY, scale=0.25),
            degradation=STRAYS,
            mined=2,
            averaged=0.8,
            mirrored=True,
            begin_with="detail-strays",
            data=MORE,
            seed=13,
            found="On phantoms MC 0.905 at 0.48, BAC pixel F1 0.839, 0.08 false BAC, BAC components called MC 11.6 %, "
            "which was predicted lower. Alone it flags 18 normal films (by the rules on specks and tracks), so that "
            "prediction was wrong too. Side by side with `detail-both` it ships (`detail-pair`).",
        ),
        Experiment(
            name="paper",
            expect="The shipped `paper` model, the whole view at 256×256. Worse than `detail` on MC, because a speck "
            "is far below a pixel; a quarter of an hour on 2 CPU cores. From fresh weights, 400 steps and the smoothed "
            "objective it learnt to predict nothing.",
            way="paper",
            pitch_mm=None,
            steps=300,
            learning_rate=2e-3,
            objective="batch-dice",
            begin_with="detail",
            seed=2,
        ),
        Experiment(
            name="paper-long",
            expect="Hoped to replace `paper` (not yet run to its end): begun with `detail-long` and given three "
            "times the steps of `paper`, which found no MC at all. Predicted: clusters of a centimetre are found by "
            "their texture, smaller ones are not; worse than `detail-long` on every figure. "
            "Twenty minutes on 2 idle CPU cores.",
            way="paper",
            pitch_mm=None,
            steps=900,
            learning_rate=3e-3,
            objective="batch-dice",
            head_weights=(2.0, 1.0, 1.0),
            begin_with="detail-long",
            seed=4,
        ),
        *(
            Experiment(
                name=f"pitch-{pitch_mm:.2f}",
                expect="One of a pair that differs in pitch alone, to choose the pitch of `detail`; a narrow network "
                "and few steps, a quarter of an hour on one CPU core. The higher MC sensitivity at equal false "
                "positives wins.",
                pitch_mm=pitch_mm,
                network=NetworkConfig(width=8, norm="group"),
                steps=500,
                found=found,
            )
            for pitch_mm, found in (
                (0.14, "No MC found; BAC pixel F1 0.45, half as much again as at 0.2 mm. Far from learnt."),
                (0.20, "MC sensitivity 0.16 at 0.26 false positives, so this pitch was taken; BAC pixel F1 0.30."),
            )
        ),
        Experiment(
            name="detail-smoke",
            expect="Nothing but that every step of `detail` runs; half a minute on a CPU.",
            network=NetworkConfig(width=8, norm="group"),
            size=64,
            batch=2,
            steps=4,
            pitch_mm=0.8,
            data=PhantomData(train=3, validation=2, test=2, seed=7),
        ),
    )
}
