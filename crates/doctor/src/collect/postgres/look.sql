-- One look at a cluster: the first line is about the server, each further one about a database. Read by psql; every row
-- is one JSON object. Columns that older servers lack are taken from the row as JSON, where they are null.
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'standby', pg_is_in_recovery(),
  'all_sessions', coalesce((select rolsuper from pg_roles where rolname = current_user), false)
    or pg_has_role(current_user, 'pg_read_all_stats', 'usage'),
  'config_file', (select setting from pg_settings where name = 'config_file'),
  'settings', (select coalesce(json_agg(json_build_object(
      'name', name, 'value', setting, 'file', sourcefile, 'line', sourceline, 'own', source in ('user', 'database', 'database user'))
      order by name), '[]')
    from pg_settings where name in ('port', 'max_connections', 'superuser_reserved_connections', 'reserved_connections',
      'idle_in_transaction_session_timeout', 'transaction_timeout', 'default_transaction_isolation',
      'autovacuum_freeze_max_age', 'autovacuum_multixact_freeze_max_age', 'max_slot_wal_keep_size')),
  'given', (select coalesce(json_agg(json_build_object(
      'database', d.datname, 'role', r.rolname, 'name', split_part(one, '=', 1), 'value', split_part(one, '=', 2))), '[]')
    from pg_db_role_setting s cross join unnest(s.setconfig) one
      left join pg_database d on d.oid = s.setdatabase left join pg_roles r on r.oid = s.setrole
    where split_part(one, '=', 1) in ('idle_in_transaction_session_timeout', 'transaction_timeout', 'default_transaction_isolation')),
  'logins', (select coalesce(json_agg(rolname order by rolname), '[]')
    from (select rolname from pg_roles where rolcanlogin and not rolsuper order by rolname limit 200) l),
  'sessions', (select coalesce(json_agg(json_build_object(
      'pid', pid, 'database', datname, 'user', usename, 'program', left(application_name, 100),
      'aborted', state like '%(aborted)',
      'since', (extract(epoch from state_change) * 1000)::int8, 'begun', (extract(epoch from xact_start) * 1000)::int8)
      order by state_change), '[]')
    from (select * from pg_stat_activity where state like 'idle in transaction%' order by state_change limit 50) a),
  'waiting', (select count(*) from pg_stat_activity where wait_event_type = 'Lock'),
  'ages', (select coalesce(json_agg(json_build_object(
      'database', datname, 'transactions', age(datfrozenxid), 'groups', mxid_age(datminmxid)) order by datname), '[]')
    from (select * from pg_database order by age(datfrozenxid) desc limit 100) d),
  'slots', (select coalesce(json_agg(json_build_object(
      'name', slot_name, 'kind', slot_type, 'active', active,
      'lost', coalesce(to_jsonb(s)->>'wal_status' = 'lost', false),
      'idle_since', (extract(epoch from (to_jsonb(s)->>'inactive_since')::timestamptz) * 1000)::int8,
      'kept', pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
        restart_lsn)::int8) order by slot_name), '[]')
    from pg_replication_slots s where not temporary),
  'archiver', (select json_build_object(
      'on', current_setting('archive_mode') <> 'off',
      'told', coalesce((select bool_or(setting not in ('', '(disabled)')) from pg_settings
        where name in ('archive_command', 'archive_library')), false),
      'failed', failed_count,
      'last_failed', (extract(epoch from last_failed_time) * 1000)::int8,
      'last_done', (extract(epoch from last_archived_time) * 1000)::int8)
    from pg_stat_archiver),
  'databases', (select count(*) from pg_database where datallowconn and not datistemplate)
);
select max(datname) filter (where n = 1) d1, max(datname) filter (where n = 2) d2,
  max(datname) filter (where n = 3) d3, max(datname) filter (where n = 4) d4, max(datname) filter (where n = 5) d5
from (select datname, row_number() over (order by pg_stat_get_db_xact_commit(oid) desc, datname) n from pg_database
  where datallowconn and not datistemplate and not pg_is_in_recovery() and has_database_privilege(oid, 'connect')
    and datname ~ '^[A-Za-z0-9_-]+$') d \gset
