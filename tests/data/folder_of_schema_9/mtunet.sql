BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'mtunet','m001_images_and_analyses','2026-11-28 03:03:22.844471+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'mtunet','m002_jobs_and_refusals','2026-11-28 03:03:22.845043+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'mtunet','m003_quiz_answers','2026-11-28 03:03:22.845275+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'mtunet','m004_studies','2026-11-28 03:03:22.846908+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'mtunet','m005_decisions','2026-11-28 03:03:22.847214+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'mtunet','m006_classroom','2026-11-28 03:03:22.848320+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'mtunet','m007_worklist','2026-11-28 03:03:22.848807+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'mtunet','m008_inbox','2026-11-28 03:03:22.848965+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'mtunet','m009_quiz_rounds','2026-11-28 03:03:22.849475+00:00');
CREATE TABLE "analyses" (
   "sha256" TEXT REFERENCES "images"("sha256"),
   "model" TEXT,
   "weights_sha256" TEXT,
   "made_at" TEXT NOT NULL,
   "flag" TEXT NOT NULL,
   "priority" TEXT NOT NULL,
   "bac_share" REAL,
   "reasons" TEXT NOT NULL,
   "seconds" REAL NOT NULL,
   "analysis" TEXT NOT NULL, mc_count integer not null default 0, mc_px integer not null default 0, mc_mm2 real, mc_largest_px integer not null default 0, mc_largest_mm2 real, bac_count integer not null default 0, bac_px integer not null default 0, bac_mm2 real, coarse_vessels integer,
   PRIMARY KEY ("sha256", "model", "weights_sha256")
);
INSERT INTO "analyses" VALUES('f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71','detail','8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee','2026-11-28T03:03:23.576781+00:00','mostly_bac_mc_left','high',8.23529411764705843168e-01,'["2 microcalcification regions, largest 81 pixels.", "82 % of the calcified area is arterial (756 pixels), but microcalcifications are left.", "The file does not say how large a pixel is, so areas are in pixels and sizes were assumed."]',1.59134758000618603546e-01,'{"file": "L_CC.png", "sha256": "f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71", "schema": "mtunet-analysis-1", "disclaimer": "Research demonstration, not for clinical use.", "triage": {"flag": "mostly_bac_mc_left", "priority": "high", "reasons": [{"rule": "microcalcifications", "sentence": "2 microcalcification regions, largest 81 pixels."}, {"rule": "mostly_bac_mc_left", "sentence": "82 % of the calcified area is arterial (756 pixels), but microcalcifications are left."}, {"rule": "no_spacing", "sentence": "The file does not say how large a pixel is, so areas are in pixels and sizes were assumed."}], "bac_share": 0.8235294117647058}, "findings": [{"number": 1, "type": "mc", "contour": [[39.5, 65.5], [39.5, 74.5], [48.5, 74.5], [48.5, 65.5]], "box": {"top": 66, "left": 40, "bottom": 75, "right": 49}, "area_px": 81, "area_mm2": null, "length_px": 12.727922061357855, "length_mm": null, "specks": 4, "probability": 1.0, "probabilities": {"mc": 1.0, "bac": 0.0}}, {"number": 2, "type": "mc", "contour": [[39.5, 95.5], [39.5, 104.5], [48.5, 104.5], [48.5, 95.5]], "box": {"top": 96, "left": 40, "bottom": 105, "right": 49}, "area_px": 81, "area_mm2": null, "length_px": 12.727922061357855, "length_mm": null, "specks": 4, "probability": 1.0, "probabilities": {"mc": 1.0, "bac": 0.0}}, {"number": 3, "type": "bac", "contour": [[77.5, 114.5], [76.5, 115.5], [72.5, 115.5], [71.5, 116.5], [67.5, 116.5], [66.5, 117.5], [63.5, 117.5], [62.5, 118.5], [58.5, 118.5], [57.5, 119.5], [54.5, 119.5], [53.5, 120.5], [49.5, 120.5], [48.5, 121.5], [44.5, 121.5], [43.5, 122.5], [40.5, 122.5], [39.5, 123.5], [35.5, 123.5], [34.5, 124.5], [31.5, 124.5], [30.5, 125.5], [26.5, 125.5], [25.5, 126.5], [21.5, 126.5], [20.5, 127.5], [18.5, 127.5], [17.5, 128.5], [16.5, 128.5], [15.5, 129.5], [15.5, 131.5], [14.5, 132.5], [14.5, 133.5], [15.5, 134.5], [15.5, 136.5], [16.5, 137.5], [18.5, 137.5], [19.5, 138.5], [22.5, 138.5], [23.5, 137.5], [27.5, 137.5], [28.5, 136.5], [32.5, 136.5], [33.5, 135.5], [36.5, 135.5], [37.5, 134.5], [41.5, 134.5], [42.5, 133.5], [45.5, 133.5], [46.5, 132.5], [50.5, 132.5], [51.5, 131.5], [55.5, 131.5], [56.5, 130.5], [59.5, 130.5], [60.5, 129.5], [64.5, 129.5], [65.5, 128.5], [68.5, 128.5], [69.5, 127.5], [73.5, 127.5], [74.5, 126.5], [78.5, 126.5], [79.5, 125.5], [81.5, 125.5], [82.5, 124.5], [83.5, 124.5], [84.5, 123.5], [84.5, 121.5], [85.5, 120.5], [85.5, 119.5], [84.5, 118.5], [84.5, 116.5], [83.5, 115.5], [81.5, 115.5], [80.5, 114.5]], "box": {"top": 115, "left": 15, "bottom": 139, "right": 86}, "area_px": 756, "area_mm2": null, "length_px": 74.63477631085024, "length_mm": null, "specks": null, "probability": 0.9998651312457191, "probabilities": {"mc": 0.0, "bac": 0.9998651312457191}}], "image": {"rows": 200, "columns": 160, "spacing_mm": null, "laterality": "L", "view": "CC", "notes": ["The side and the view are guessed from the file name.", "A picture file gives no pixel spacing: sizes are in pixels only."], "breast_px": 18806, "breast_mm2": null}, "thresholds": {"mc": 0.5, "bac": 0.5}, "provenance": {"model": "detail", "weights_sha256": "8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee", "version": "0.1.0", "rules": "2", "device": "CPU, 1 thread, float32", "seconds": 0.1591347580006186, "made_at": "2026-11-28T03:03:23+00:00"}}',2,162,NULL,81,NULL,1,756,NULL,NULL);
INSERT INTO "analyses" VALUES('45d3893e192703d156594c42bcd6e27cf4f812fcea98158543cf5e5b60f536b9','detail','8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee','2026-11-28T03:03:23.796419+00:00','none','routine',NULL,'["No microcalcification and no arterial calcification was found.", "The file does not say how large a pixel is, so areas are in pixels and sizes were assumed."]',1.88443760999689402524e-01,'{"file": "R_CC.png", "sha256": "45d3893e192703d156594c42bcd6e27cf4f812fcea98158543cf5e5b60f536b9", "schema": "mtunet-analysis-1", "disclaimer": "Research demonstration, not for clinical use.", "triage": {"flag": "none", "priority": "routine", "reasons": [{"rule": "no_calcification", "sentence": "No microcalcification and no arterial calcification was found."}, {"rule": "no_spacing", "sentence": "The file does not say how large a pixel is, so areas are in pixels and sizes were assumed."}], "bac_share": null}, "findings": [], "image": {"rows": 200, "columns": 160, "spacing_mm": null, "laterality": "R", "view": "CC", "notes": ["The side and the view are guessed from the file name.", "A picture file gives no pixel spacing: sizes are in pixels only."], "breast_px": 18806, "breast_mm2": null}, "thresholds": {"mc": 0.5, "bac": 0.5}, "provenance": {"model": "detail", "weights_sha256": "8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee", "version": "0.1.0", "rules": "2", "device": "CPU, 1 thread, float32", "seconds": 0.1884437609996894, "made_at": "2026-11-28T03:03:23+00:00"}}',0,0,NULL,0,NULL,0,0,NULL,NULL);
CREATE TABLE "corrections" (
   "id" INTEGER PRIMARY KEY,
   "at" TEXT NOT NULL,
   "reader" TEXT NOT NULL,
   "sha256" TEXT NOT NULL,
   "what" TEXT NOT NULL,
   "before" TEXT NOT NULL,
   "after" TEXT NOT NULL
);
CREATE TABLE "decisions" (
   "id" INTEGER PRIMARY KEY,
   "at" TEXT NOT NULL,
   "reader" TEXT NOT NULL,
   "study" TEXT NOT NULL,
   "act" TEXT NOT NULL,
   "answer" TEXT NOT NULL,
   "note" TEXT NOT NULL,
   "sha256" TEXT,
   "type" TEXT,
   "number" INTEGER,
   "box_top" INTEGER,
   "box_left" INTEGER,
   "box_bottom" INTEGER,
   "box_right" INTEGER,
   "undoes" INTEGER,
   "model" TEXT NOT NULL,
   "weights_sha256" TEXT NOT NULL,
   "thresholds" TEXT NOT NULL,
   "rules" TEXT,
   "version" TEXT NOT NULL
);
INSERT INTO "decisions" VALUES(1,'2026-11-28T03:03:23.881832+00:00','Ada','fdc209de986ccfb6','finding','agree','','f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71','mc',1,66,40,75,49,NULL,'detail','8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee','{"mc": 0.5, "bac": 0.5}','6','0.1.0');
INSERT INTO "decisions" VALUES(2,'2026-11-28T03:03:23.900487+00:00','Ada','fdc209de986ccfb6','study','recall','Seen.',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'detail','8acd3f9c60bb5f8208b6d3b9d5322cefbd726016cc350fb81a1a17fe45accbee','{"mc": 0.5, "bac": 0.5}','6','0.1.0');
CREATE TABLE "images" (
   "sha256" TEXT PRIMARY KEY,
   "name" TEXT NOT NULL,
   "source" TEXT NOT NULL,
   "added_at" TEXT NOT NULL,
   "rows" INTEGER NOT NULL,
   "columns" INTEGER NOT NULL,
   "row_mm" REAL,
   "column_mm" REAL,
   "laterality" TEXT,
   "view" TEXT,
   "notes" TEXT NOT NULL
, study text references studies(id) deferrable initially deferred, guessed integer not null default 0);
INSERT INTO "images" VALUES('f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71','L_CC.png','upload','2026-11-28T03:03:22.876629+00:00',200,160,NULL,NULL,'L','CC','["The side and the view are guessed from the file name.", "A picture file gives no pixel spacing: sizes are in pixels only."]','fdc209de986ccfb6',1);
INSERT INTO "images" VALUES('45d3893e192703d156594c42bcd6e27cf4f812fcea98158543cf5e5b60f536b9','R_CC.png','upload','2026-11-28T03:03:23.336512+00:00',200,160,NULL,NULL,'R','CC','["The side and the view are guessed from the file name.", "A picture file gives no pixel spacing: sizes are in pixels only."]','fdc209de986ccfb6',1);
CREATE TABLE "inbox" (
   "path" TEXT PRIMARY KEY,
   "size" INTEGER NOT NULL,
   "changed" INTEGER NOT NULL
);
INSERT INTO "inbox" VALUES('d85bd9822a6464b8f6988fcdc8e3a4e86be492a96eccf15ffc722276ee481c84',10,1795835002829683960);
INSERT INTO "inbox" VALUES('0ebcba72376c6227d9cadcc588d4f8587b3d7ee0013a85bde98286956b6f23f7',28787,1795835002829617030);
INSERT INTO "inbox" VALUES('d8eb722e7e1bc4f71ab605257e06da967527c802d744ba1ca5edf2cd2436e7c8',29977,1795835002828547795);
CREATE TABLE "jobs" (
   "id" INTEGER PRIMARY KEY,
   "sha256" TEXT NOT NULL REFERENCES "images"("sha256"),
   "model" TEXT NOT NULL,
   "batch" TEXT NOT NULL,
   "state" TEXT NOT NULL,
   "sentence" TEXT NOT NULL,
   "queued_at" TEXT NOT NULL,
   "changed_at" TEXT NOT NULL
);
INSERT INTO "jobs" VALUES(1,'f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71','detail','inbox','done','','2026-11-28T03:03:23.328528+00:00','2026-11-28T03:03:23.577283+00:00');
INSERT INTO "jobs" VALUES(2,'45d3893e192703d156594c42bcd6e27cf4f812fcea98158543cf5e5b60f536b9','detail','inbox','done','','2026-11-28T03:03:23.348348+00:00','2026-11-28T03:03:23.796974+00:00');
CREATE TABLE "quiz_answers" (
   "id" INTEGER PRIMARY KEY,
   "at" TEXT NOT NULL,
   "reader" TEXT NOT NULL,
   "item" TEXT NOT NULL,
   "round" TEXT NOT NULL,
   "level" TEXT NOT NULL,
   "mode" TEXT NOT NULL,
   "truth" TEXT NOT NULL,
   "answer" TEXT NOT NULL,
   "sureness" REAL NOT NULL,
   "x_mm" REAL,
   "y_mm" REAL,
   "hit" INTEGER,
   "model" TEXT
, "source" TEXT NOT NULL DEFAULT 'phantom', "revised" TEXT);
INSERT INTO "quiz_answers" VALUES(1,'2026-11-28T03:03:23.920384+00:00','Bo','q1','','easy','reader-first','mc','bac',0.75,10.0,20.0,NULL,'mc','phantom','mc');
INSERT INTO "quiz_answers" VALUES(2,'2026-11-28T03:03:23.940560+00:00','Bo','q2','32ef9b49','easy','reader-first','neither','neither',1.0,NULL,NULL,NULL,NULL,'phantom',NULL);
CREATE TABLE "quiz_rounds" (
   "name" TEXT PRIMARY KEY,
   "begun_at" TEXT NOT NULL,
   "reader" TEXT NOT NULL,
   "source" TEXT NOT NULL,
   "level" TEXT NOT NULL,
   "mode" TEXT NOT NULL,
   "length" INTEGER NOT NULL,
   "items" TEXT NOT NULL,
   "shown" INTEGER NOT NULL,
   "fixed" INTEGER NOT NULL,
   "draft" TEXT NOT NULL
);
INSERT INTO "quiz_rounds" VALUES('32ef9b49','2026-11-28T03:03:23.936299+00:00','Bo','phantom','easy','reader-first',5,'["q2", "q3"]',2,0,'{"answer": "both", "sureness": 0.5, "place": [1.0, 2.0]}');
CREATE TABLE "refused" (
   "id" INTEGER PRIMARY KEY,
   "name" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "sentence" TEXT NOT NULL,
   "at" TEXT NOT NULL
);
INSERT INTO "refused" VALUES(1,'broken.png','not_an_image','Expected one greyscale mammogram view, found a file that is neither DICOM nor a PNG, JPEG, TIFF, PGM or BMP picture. Choose the image file itself; if it is damaged, copy it again.','2026-11-28T03:03:22.868702+00:00');
CREATE TABLE "room_answers" (
   "id" INTEGER PRIMARY KEY,
   "room" INTEGER NOT NULL REFERENCES "rooms"("id"),
   "learner" INTEGER NOT NULL REFERENCES "room_learners"("id"),
   "number" INTEGER NOT NULL,
   "at" TEXT NOT NULL,
   "saw_model" INTEGER NOT NULL,
   "answer" TEXT NOT NULL,
   "sureness" REAL NOT NULL,
   "x_mm" REAL,
   "y_mm" REAL,
   "hit" INTEGER
);
INSERT INTO "room_answers" VALUES(1,7410610264698519,1,1,'2026-11-28T03:03:23.984429+00:00',0,'mc',0.75,12.0,12.0,1);
CREATE TABLE "room_cases" (
   "room" INTEGER REFERENCES "rooms"("id"),
   "number" INTEGER,
   "sha256" TEXT NOT NULL,
   "title" TEXT NOT NULL,
   "source" TEXT NOT NULL,
   "truth" TEXT NOT NULL,
   "why" TEXT NOT NULL,
   "row_mm" REAL NOT NULL,
   "column_mm" REAL NOT NULL,
   "mc" BLOB NOT NULL,
   "bac" BLOB NOT NULL,
   PRIMARY KEY ("room", "number")
);
INSERT INTO "room_cases" VALUES(7410610264698519,1,'f4dee4d1fd27a5ec8faa700cb61cc62f6d040f8a043aa29d87109309e5c70a71','Case 1','phantom','mc','MC: five pixels.',1.0,1.0,X'89504E470D0A1A0A0000000D494844520000001E000000280100000000C16877BF0000003C49444154081D0DC1010100000883302866F827934D2291482412894422911B72436EC80DB92191482412894422914824128944229148241289442279BF2005290AEDE5FD0000000049454E44AE426082',X'89504E470D0A1A0A0000000D494844520000001E000000280100000000C16877BF0000003649444154081D0DC101010000004020FE9FA66432994C2693C96432994C2693C96432994C2693C96432994C2693C96432994C2693C90210CC002938F723790000000049454E44AE426082');
CREATE TABLE "room_events" (
   "id" INTEGER PRIMARY KEY,
   "room" INTEGER NOT NULL REFERENCES "rooms"("id"),
   "at" TEXT NOT NULL,
   "phase" TEXT NOT NULL,
   "number" INTEGER NOT NULL,
   "model" TEXT
);
INSERT INTO "room_events" VALUES(1,7410610264698519,'2026-11-28T03:03:23.956772+00:00','open',0,NULL);
INSERT INTO "room_events" VALUES(2,7410610264698519,'2026-11-28T03:03:23.976454+00:00','asked',1,NULL);
INSERT INTO "room_events" VALUES(3,7410610264698519,'2026-11-28T03:03:23.988525+00:00','model',1,'both');
CREATE TABLE "room_learners" (
   "id" INTEGER PRIMARY KEY,
   "room" INTEGER NOT NULL REFERENCES "rooms"("id"),
   "joined_at" TEXT NOT NULL,
   "name" TEXT NOT NULL,
   "token_sha256" TEXT NOT NULL
);
INSERT INTO "room_learners" VALUES(1,7410610264698519,'2026-11-28T03:03:23.972563+00:00','Cy','008a61cbcc65185eed6ba9c606ab032dfc999b8fd4f235a6f37effbb91d3f5d0');
CREATE TABLE "rooms" (
   "id" INTEGER PRIMARY KEY,
   "code" TEXT NOT NULL,
   "secret_sha256" TEXT NOT NULL,
   "opened_at" TEXT NOT NULL,
   "mode" TEXT NOT NULL,
   "items" TEXT NOT NULL
);
INSERT INTO "rooms" VALUES(7410610264698519,'VNXPND','ddd73512cda12efefa2c640c06f91d9ce737558299c5c750f1d17761710d55a7','2026-11-28T03:03:23.956448+00:00','reader-first','["q1", "q2"]');
CREATE TABLE "studies" (
   "id" TEXT PRIMARY KEY,
   "title" TEXT NOT NULL,
   "made_at" TEXT NOT NULL,
   "group_key" TEXT,
   "patient" TEXT,
   "shifted_day" INTEGER,
   "opened_at" TEXT,
   "images" INTEGER NOT NULL DEFAULT 0,
   "analysed" INTEGER NOT NULL DEFAULT 0,
   "urgency" INTEGER NOT NULL DEFAULT 3,
   "flag" TEXT,
   "bac_share" REAL,
   "mc_count" INTEGER NOT NULL DEFAULT 0,
   "mc_size" REAL,
   "bac_size" REAL,
   "bac_grade" INTEGER,
   "decided_by" TEXT,
   "decided_at" TEXT
, decision text);
INSERT INTO "studies" VALUES('fdc209de986ccfb6','one','2026-11-28T03:03:22.876629+00:00','name:89abc4cd5e0df139cbc5a9f1a7fc2a81952634ef55d3004fc7034df062b57455',NULL,NULL,'2026-11-28T03:03:23.916564+00:00',2,2,0,'mostly_bac_mc_left',8.23529411764705843168e-01,2,162.0,756.0,NULL,'Ada','2026-11-28T03:03:23.900487+00:00','recall');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX "idx_images_added_at"
    ON "images" ("added_at");
CREATE INDEX "idx_analyses_flag"
    ON "analyses" ("flag");
CREATE UNIQUE INDEX "idx_jobs_sha256_model"
    ON "jobs" ("sha256", "model");
CREATE INDEX "idx_jobs_state"
    ON "jobs" ("state");
CREATE INDEX "idx_quiz_answers_reader"
    ON "quiz_answers" ("reader");
CREATE UNIQUE INDEX "idx_studies_group_key"
    ON "studies" ("group_key");
CREATE INDEX "idx_studies_patient"
    ON "studies" ("patient");
CREATE INDEX "idx_studies_title"
    ON "studies" ("title");
CREATE INDEX "idx_studies_made_at"
    ON "studies" ("made_at");
CREATE INDEX "idx_studies_urgency_made_at"
    ON "studies" ("urgency", "made_at");
CREATE INDEX "idx_studies_bac_share"
    ON "studies" ("bac_share");
CREATE INDEX images_by_study on images (study);
CREATE INDEX analyses_newest on analyses (sha256, made_at);
CREATE INDEX "idx_corrections_sha256"
    ON "corrections" ("sha256");
CREATE INDEX "idx_decisions_study"
    ON "decisions" ("study");
CREATE TRIGGER decisions_are_kept_update before update on decisions begin select raise(abort, 'Decisions are only ever added.'); end;
CREATE TRIGGER decisions_are_kept_delete before delete on decisions begin select raise(abort, 'Decisions are only ever added.'); end;
CREATE UNIQUE INDEX "idx_rooms_code"
    ON "rooms" ("code");
CREATE UNIQUE INDEX "idx_rooms_secret_sha256"
    ON "rooms" ("secret_sha256");
CREATE INDEX "idx_room_events_room"
    ON "room_events" ("room");
CREATE UNIQUE INDEX "idx_room_learners_room_name"
    ON "room_learners" ("room", "name");
CREATE INDEX "idx_room_learners_token_sha256"
    ON "room_learners" ("token_sha256");
CREATE INDEX "idx_room_answers_room_number"
    ON "room_answers" ("room", "number");
CREATE INDEX studies_in_turn on studies ((decided_at is not null), urgency, made_at);
CREATE INDEX studies_newest on studies (made_at desc);
CREATE INDEX studies_by_flag on studies (flag, mc_count, bac_share);
CREATE INDEX images_by_name on images (name, study);
COMMIT;
PRAGMA user_version = 9;
