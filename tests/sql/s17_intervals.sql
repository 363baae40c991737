-- S17: tags of versions are sorted by bytes, without repeats; ids and tags compare in "C"; ranks follow time.
SET timezone = 'UTC';
INSERT INTO entity (id, tags, created_at) VALUES ('é', '{b,a,B,á,"a b",a,zz,Z}', '2001-01-01'), ('z', '{Z}', '2001-01-01'),
    ('Z', '{é}', '2001-01-01');
SELECT entity_tag('é', 'm', at => '2003-01-01'), entity_tag('é', 'c', at => '2002-01-01');
SELECT id, tags, version FROM entity_version ORDER BY id, version;
SELECT id, tag FROM entity_tag ORDER BY tag, id;
SELECT id, version FROM entity_version WHERE id >= 'z' ORDER BY id DESC, version DESC;
SELECT max(id), min(tag), max(tag) FROM entity_tag;
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT id, tags, version FROM entity_version ORDER BY id, version;
SELECT id, tag FROM entity_tag ORDER BY tag, id;
