with wide as (
  select c.oid, greatest(c.reltuples::int8, pg_stat_get_live_tuples(c.oid)) as rows,
    c.relpages::int8 * current_setting('block_size')::int8 as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
)
select json_build_object(
  'database', current_database(),
  'unindexed', (select coalesce(json_agg(f), '[]') from (
    select k.conrelid::regclass::text as "table", k.conname as "name", k.confrelid::regclass::text as "parent",
      (select string_agg(a.attname, ', ' order by u.n) from unnest(k.conkey) with ordinality u (att, n)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.att) as "columns",
      t.rows as "rows", t.bytes as "bytes", p.rows as "parent_rows",
      pg_stat_get_tuples_deleted(k.confrelid) as "parent_deletes"
    from pg_constraint k join wide t on t.oid = k.conrelid join wide p on p.oid = k.confrelid
    where k.contype = 'f' and k.conparentid = 0 and (t.rows > 10000 or t.bytes > 10485760)
      and not exists (select 1 from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am m on m.oid = x.relam
        where i.indrelid = k.conrelid and i.indisvalid and m.amname in ('btree', 'hash') and i.indkey[0] = any (k.conkey)
          and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) ~ '^\([^()]+ IS NOT NULL\)$'))
    order by t.rows desc, 1, 2 limit 50) f),
  'unvalidated', (select coalesce(json_agg(f), '[]') from (
    select k.conrelid::regclass::text as "table", k.conname as "name", k.contype = 'f' as "foreign"
    from pg_constraint k join wide t on t.oid = k.conrelid
    where k.contype in ('f', 'c') and not k.convalidated and k.conislocal
      and coalesce(to_jsonb(k)->>'conenforced', 'true') = 'true'
    order by 1, 2 limit 50) f),
  'sequences', (select coalesce(json_agg(f), '[]') from (
    select * from (
      select s.seqrelid::regclass::text as "name", d.refobjid::regclass::text || '.' || a.attname as "column",
        case when has_sequence_privilege(s.seqrelid, 'select, usage') then pg_sequence_last_value(s.seqrelid) end as "last",
        least(s.seqmax, case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647
          else 9223372036854775807 end) as "most",
        pg_stat_get_tuples_inserted(d.refobjid) as "inserted",
        (select (extract(epoch from stats_reset) * 1000)::int8 from pg_stat_database where datname = current_database()) as "counted_since"
      from pg_sequence s
        left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.seqrelid
          and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
      where s.seqincrement > 0 and not s.seqcycle) q
    where "last" > "most" / 2 order by "last"::float8 / "most" desc, 1 limit 50) f)
);
