-- The exact helpers: floors, never rounds (S9).
SET timezone = 'UTC';
SELECT entitydb.ns('2018-03-01'::timestamptz) AS day, entitydb.ns('2018-03-01 00:00:00.123456789+00') AS nine,
    entitydb.ns('2018-03-01 00:00:00.1234567') AS seven, entitydb.ns('2018-03-01 01:00:00.5+01') AS half;
SELECT entitydb.ts(1519862400123456789) AS floored, entitydb.ts(-1) AS before_1970;
SELECT entitydb.ns_text(1519862400123456789) AS after, entitydb.ns_text(-1) AS before;
SELECT n, entitydb.ns(entitydb.ns_text(n)) = n AS exact, entitydb.ns(entitydb.ts(n)) <= n AS floors
FROM unnest('{-9214560000000000000,-1,0,1,999,1000,9214646399999999999}'::bigint[]) n;
SELECT entitydb.ns('infinity'::timestamptz);
SELECT entitydb.ns('2262-01-01 00:00:00+00'::timestamptz);
SELECT entitydb.ns('1677-12-31 23:59:59+00'::timestamptz);
SELECT entitydb.ns('2018-03-01 00:00:00.1234567891');
SELECT entitydb.ns(NULL::timestamptz) IS NULL AS nothing;
