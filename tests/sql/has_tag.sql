-- entity_has_tag: only a final unescaped * is a wildcard, \* is a star.
SELECT pattern, entity_has_tag('{type:user,role:admin,a*,plain}', pattern)
FROM unnest(ARRAY['type:user', 'type:*', 'typ', 'typ*', '*', 'a\*', 'b\*', 'role:\**', 'plain', '']) pattern;
SELECT entity_has_tag('{}', '*') AS of_nothing, entity_has_tag(NULL, 'a') IS NULL AS of_null, entity_has_tag('{a}', NULL) IS NULL AS null_pattern;
SELECT entity_has_tag('{a}', 'a*b');
SELECT entity_has_tag('{a}', '**');
