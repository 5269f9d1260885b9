/**
 * Every metric of the agent, in one table: names in base units, counters alone end in `_total`, joins by `_info`, no pid
 * labels. A series whose value is not known is left out; one whose object is gone disappears.
 */

export interface MetricSpec {
  type: 'gauge' | 'counter' | 'histogram';
  help: string;
  labels: readonly string[];
}

export const METRICS = {
  brick_agent_build_info: { type: 'gauge', help: 'Version of the agent; always 1.', labels: ['version'] },
  brick_agent_loop_runs_total: { type: 'counter', help: 'Passes of a loop since start.', labels: ['loop'] },
  brick_agent_loop_failures_total: { type: 'counter', help: 'Passes of a loop that failed.', labels: ['loop'] },
  brick_agent_loop_overruns_total: {
    type: 'counter',
    help: 'Passes of a loop that took longer than the pause between two, so that what it keeps right was late.',
    labels: ['loop'],
  },
  brick_agent_loop_duration_seconds: { type: 'gauge', help: 'Duration of the last pass.', labels: ['loop'] },
  brick_agent_loop_last_success_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last pass that succeeded; absent before the first.',
    labels: ['loop'],
  },
  brick_agent_brick_calls_waiting: {
    type: 'gauge',
    help: "Calls to the brick's disk that have not come back, all of one thread; beyond 64 more are refused.",
    labels: [],
  },
  brick_agent_collector_duration_seconds: {
    type: 'gauge',
    help: 'Time that a collector took in this scrape.',
    labels: ['collector'],
  },
  brick_agent_collector_success: {
    type: 'gauge',
    help: 'Whether a collector worked in this scrape; its series are left out when not.',
    labels: ['collector'],
  },
  brick_agent_scrape_complete: {
    type: 'gauge',
    help: 'Whether this scrape has all that there is (1), or the time that Prometheus gave was too short for all PVs (0).',
    labels: [],
  },
  brick_agent_tls_certificate_not_after_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time at which a certificate in force expires: of the API (api: the first of its chain to do so), or the last of the authorities for clients (client-ca) and for peers (peer-ca); absent where TLS is off.',
    labels: ['use'],
  },
  brick_agent_tls_last_reload_successful: {
    type: 'gauge',
    help: '1 while the TLS files as they stand are in force, 0 while they are refused and those before them are.',
    labels: [],
  },
  brick_agent_tls_handshake_errors_total: {
    type: 'counter',
    help: 'Connections to the API over TCP that ended before they were secure: no TLS, no certificate of a client that we trust, or ours not trusted.',
    labels: [],
  },
  brick_agent_kubernetes_events_sent_total: {
    type: 'counter',
    help: 'Events, and new counts of events, that the API server of Kubernetes has taken; absent where kubernetesEvents is off.',
    labels: [],
  },
  brick_agent_kubernetes_events_failed_total: {
    type: 'counter',
    help: 'Events that were given up: the API server refused them, or did not answer again and again.',
    labels: [],
  },
  brick_agent_kubernetes_events_dropped_total: {
    type: 'counter',
    help: 'Events that were not sent: more than their duty may write (rate), or than may wait (queue).',
    labels: ['reason'],
  },
  gluster_brick_info: {
    type: 'gauge',
    help: 'Identity of the brick as configured; always 1.',
    labels: ['volume_id', 'volume_type', 'brick', 'brick_index', 'node', 'hostname'],
  },
  gluster_brick_data_bricks: {
    type: 'gauge',
    help: 'How many bricks hold one copy of what the set of this brick holds: 1 where each has all of it, the data fragments of a disperse volume, 0 for an arbiter, which has none. The label is the number of the set in the volume. Absent for Disperse without disperseRedundancy, since its sets cannot be told apart; what the rules record of the volume, and the alert for a brick that has lost its data, need it.',
    labels: ['set'],
  },
  gluster_brick_identity_verified: {
    type: 'gauge',
    help: '1 when a check of the brick identity (directory, mount, device, volumeId, readWrite, capability) is right, 0 when it is wrong; absent while unknown.',
    labels: ['check'],
  },
  gluster_brick_fenced: {
    type: 'gauge',
    help: '1 while the brick is not proven ours and nothing is written to it.',
    labels: [],
  },
  gluster_brick_empty: {
    type: 'gauge',
    help: '1 while the brick holds nothing of any client, as before the first write or after it was wiped or replaced; absent while it is not proven, and where the volume has one copy.',
    labels: [],
  },
  gluster_brick_hung: {
    type: 'gauge',
    help: '1 while a system call on the brick does not come back.',
    labels: [],
  },
  gluster_brick_up: {
    type: 'gauge',
    help: '1 while the agent has a working connection to the brick process.',
    labels: [],
  },
  gluster_brick_capacity_bytes: { type: 'gauge', help: 'Size of the file system of the brick.', labels: [] },
  gluster_brick_free_bytes: { type: 'gauge', help: 'Free space of the file system of the brick.', labels: [] },
  gluster_brick_available_bytes: {
    type: 'gauge',
    help: 'Free space of the file system of the brick that is not kept for root.',
    labels: [],
  },
  gluster_brick_writable_bytes: {
    type: 'gauge',
    help: 'Space that the brick says is available to clients, as their df shows it: the available bytes, or what is free less what the brick keeps back (reserve of storage/posix, 1 %), where that is less. Absent while it does not answer.',
    labels: [],
  },
  gluster_brick_inodes: { type: 'gauge', help: 'Inodes of the file system of the brick.', labels: [] },
  gluster_brick_inodes_free: { type: 'gauge', help: 'Free inodes of the file system of the brick.', labels: [] },
  gluster_brick_health_check_timestamp_seconds: {
    type: 'gauge',
    help: "Unix time at which the brick's own health check last wrote to its disk; absent before the first of this process.",
    labels: [],
  },
  gluster_brick_fops_counted: {
    type: 'gauge',
    help: 'Whether the brick counts file operations and their latencies (1) or not (0: count-fop-hits or latency-measurement is off, and the series of them are left out); absent while unknown.',
    labels: [],
  },
  gluster_brick_fops_total: {
    type: 'counter',
    help: 'File operations that the brick has answered since its start.',
    labels: ['fop'],
  },
  gluster_brick_fop_seconds_total: {
    type: 'counter',
    help: 'Time that the brick took for file operations since its start, in its own translators and on its disk.',
    labels: ['fop'],
  },
  gluster_brick_fop_longest_seconds: {
    type: 'gauge',
    help: 'Longest that a file operation took since the start of the brick.',
    labels: ['fop'],
  },
  gluster_brick_io_size_bytes: {
    type: 'histogram',
    help: 'Sizes of reads and writes since the start of the brick; a bucket ends one byte below a power of two, as the brick counts.',
    labels: ['direction'],
  },
  gluster_brick_clients: {
    type: 'gauge',
    help: 'Connections to the brick by what the client calls itself (fuse, glustershd, brick-agent, gfapi...; unknown: nothing; other: any other name).',
    labels: ['kind'],
  },
  gluster_brick_client_bytes_total: {
    type: 'counter',
    help: 'Bytes from (in) and to (out) clients on the wire, as far as they were seen before a connection ended.',
    labels: ['kind', 'direction'],
  },
  gluster_brick_address_connections: {
    type: 'gauge',
    help: 'Connections to the brick by address of the client, of 256 addresses; only with clientMetrics: address.',
    labels: ['address'],
  },
  gluster_brick_address_bytes_total: {
    type: 'counter',
    help: 'Bytes from (in) and to (out) the connected clients by address; only with clientMetrics: address.',
    labels: ['address', 'direction'],
  },
  gluster_process_up: {
    type: 'gauge',
    help: '1 when the process behind the pid file is proven to be the one meant, 0 when it is not there; absent while unknown.',
    labels: ['process'],
  },
  gluster_process_restarts_total: {
    type: 'counter',
    help: 'Times that another process was found behind the pid file, since the agent started; absent while it cannot be seen.',
    labels: ['process'],
  },
  gluster_process_start_time_seconds: {
    type: 'gauge',
    help: 'Unix time at which the process started.',
    labels: ['process'],
  },
  gluster_process_cpu_seconds_total: {
    type: 'counter',
    help: 'CPU time of the process, user and system.',
    labels: ['process'],
  },
  gluster_process_resident_memory_bytes: {
    type: 'gauge',
    help: 'Resident memory of the process.',
    labels: ['process'],
  },
  gluster_process_open_fds: { type: 'gauge', help: 'Open file descriptors of the process.', labels: ['process'] },
  gluster_process_max_fds: {
    type: 'gauge',
    help: 'File descriptors that the process may open.',
    labels: ['process'],
  },
  gluster_process_threads: { type: 'gauge', help: 'Threads of the process.', labels: ['process'] },
  gluster_process_blocked_threads: {
    type: 'gauge',
    help: 'Threads of the process that wait in the kernel for a disk and cannot be interrupted (state D).',
    labels: ['process'],
  },
  gluster_quota_pv_info: {
    type: 'gauge',
    help: 'The PersistentVolumeClaim that a PV is of, as its quota was told; always 1, absent where nobody has told. Prometheus makes exported_namespace of the label where the target has a namespace, unless its honor_labels is set.',
    labels: ['pv', 'namespace', 'persistentvolumeclaim'],
  },
  gluster_quota_limit_bytes: {
    type: 'gauge',
    help: 'Limit of a PV in bytes of the whole volume, as wanted.',
    labels: ['pv', 'source'],
  },
  gluster_quota_soft_limit_bytes: {
    type: 'gauge',
    help: 'Bytes of the whole volume from which on a PV is above its soft limit; absent where none is wanted.',
    labels: ['pv'],
  },
  gluster_quota_on_disk_limit_bytes: {
    type: 'gauge',
    help: "Limit of a PV in bytes of this brick, as it stands on the brick's backend.",
    labels: ['pv'],
  },
  gluster_quota_live_limit_bytes: {
    type: 'gauge',
    help: 'Limit of a PV in bytes of this brick, as the running brick shows it, rounded down to a block.',
    labels: ['pv'],
  },
  gluster_quota_used_bytes: {
    type: 'gauge',
    help: "Bytes of a PV on this brick by the brick's own counter, read within quotaVerifyIntervalMs.",
    labels: ['pv'],
  },
  gluster_quota_scanned_bytes: {
    type: 'gauge',
    help: 'Bytes that a PV occupied on this brick when it was scanned last, as du counts; absent before the first scan.',
    labels: ['pv'],
  },
  gluster_quota_scan_age_seconds: { type: 'gauge', help: 'Time since the last scan of a PV.', labels: ['pv'] },
  gluster_quota_drift_bytes: {
    type: 'gauge',
    help: "The brick's own counter minus what it should have been at the last scan; absent while unknown.",
    labels: ['pv'],
  },
  gluster_quota_condition: {
    type: 'gauge',
    help: '1 when the condition (OnDisk, Live, Enforced, UsageTrue, HealEnds) holds for a PV with a limit, 0 when it does not; absent while unknown.',
    labels: ['pv', 'condition'],
  },
  gluster_quota_pvs: { type: 'gauge', help: 'PVs that the agent knows on this brick.', labels: [] },
  gluster_quota_pvs_left_out: {
    type: 'gauge',
    help: 'PVs that have no series of their own because of metricsMaxPvs; those with a condition that does not hold and those that use most have.',
    labels: [],
  },
  gluster_quota_condition_pvs: {
    type: 'gauge',
    help: 'PVs with a limit by condition and whether it holds (True, False, Unknown); of all PVs, also those left out.',
    labels: ['condition', 'status'],
  },
  gluster_quota_file_valid: {
    type: 'gauge',
    help: '1 when the quota file as it stands is in force, 0 while the last good one is; absent when none is configured.',
    labels: [],
  },
  gluster_quota_refused_entries: { type: 'gauge', help: 'Quota entries that were refused as wrong.', labels: [] },
  gluster_quota_tampering_total: {
    type: 'counter',
    help: 'Times that a PV got beyond its limit because enforcement was switched off on the whole brick (off) or because the brick was told a false usage (faked).',
    labels: ['kind'],
  },
  gluster_quota_pv_tampering_total: {
    type: 'counter',
    help: 'The same by PV, only of PVs that have any, 1,000 at most, and gone with the PV. off: this PV was beyond its limit and would have been let grow while enforcement was switched off on the whole brick, which is no proof that its own tenant did it; of several at a time, each is counted. faked: the brick was told a false usage of this PV, which takes somebody who may write in it.',
    labels: ['pv', 'kind'],
  },
  gluster_quota_volume_usage_pvs: {
    type: 'gauge',
    help: 'PVs with a limit on a distributed volume by what is known of their usage on all subvolumes: Sum is all, Stale the last word of agents that are silent, Incomplete is without a subvolume that has never told; absent on other volumes.',
    labels: ['state'],
  },
  gluster_quota_rearms_total: {
    type: 'counter',
    help: 'Times that enforcement was switched on as a precaution, whether it was off or not.',
    labels: [],
  },
  gluster_quota_repairs_total: {
    type: 'counter',
    help: "Times that the running brick's counter of a PV was set right (raised, lowered).",
    labels: ['direction'],
  },
  gluster_quota_repaired_bytes_total: {
    type: 'counter',
    help: 'Bytes by which counters were set right.',
    labels: ['direction'],
  },
  gluster_quota_repair_failures_total: {
    type: 'counter',
    help: 'Times that a counter could not be set right.',
    labels: [],
  },
  gluster_quota_adoptions_total: {
    type: 'counter',
    help: 'Adoptions of PVs by running bricks that this agent has led, by how they ended (succeeded, failed).',
    labels: ['outcome'],
  },
  gluster_quota_heal_loops: {
    type: 'gauge',
    help: "PVs whose directory's metadata heal goes round for ever, seen on this brick as source or sink.",
    labels: [],
  },
  gluster_quota_heal_loop_remedies_total: {
    type: 'counter',
    help: "Times that a namespace was removed from this brick's backend so that its heal could end.",
    labels: [],
  },
  gluster_heal_pending_entries: {
    type: 'gauge',
    help: 'Entries of a heal index of this brick (xattrop, dirty, entry-changes).',
    labels: ['index'],
  },
  gluster_heal_missed_objects: {
    type: 'gauge',
    help: 'Objects that wait for heal by what was missed (data, metadata, entry); an object may be of several. Looked at every 30 s, of a long index the first 10,000. Absent while not known.',
    labels: ['kind'],
  },
  gluster_heal_state: {
    type: 'gauge',
    help: '1 for the present state of the heal backlog (Complete, Progressing, Stalled, Unknown), 0 for the others.',
    labels: ['state'],
  },
  gluster_heal_entries_per_second: {
    type: 'gauge',
    help: 'Rate at which the backlog grows (in) and falls (out), over the last minutes.',
    labels: ['direction'],
  },
  gluster_heal_eta_seconds: {
    type: 'gauge',
    help: 'Time until the backlog is empty at the present rate; absent when it does not fall.',
    labels: [],
  },
  gluster_heal_split_brain_objects: {
    type: 'gauge',
    help: 'Objects of this brick in split-brain, as confirmed by all bricks of the set, by kind (data, metadata, entry, gfid, type); an object may be of several. Absent while not known.',
    labels: ['kind'],
  },
  gluster_heal_pending_since_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time since when the backlog has not been empty, as far as this agent has seen; absent when it is empty.',
    labels: [],
  },
  gluster_heal_oldest_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time since when, at least, the object waits for heal that waits longest; of a long index the first 10,000 are looked at. Absent when nothing waits.',
    labels: [],
  },
  gluster_heal_left_dirty_objects: {
    type: 'gauge',
    help: 'Objects marked as being written that nobody has written for a minute, so that their copies may differ until they are compared; of a long index the first 1,000 are looked at. Absent while not known.',
    labels: [],
  },
  gluster_heal_daemon_up: {
    type: 'gauge',
    help: '1 while the self-heal daemon of this pod answers on its socket, 0 when it does not; absent while not known, and where there is to be none.',
    labels: [],
  },
  gluster_heal_daemon_crawling: {
    type: 'gauge',
    help: '1 while the self-heal daemon of this pod is on its way through an index or the volume, 0 while it rests, as it said when it was asked last: while something waits for heal, and once afterwards. Absent while not known, and for disperse, whose daemon keeps no account.',
    labels: [],
  },
  gluster_heal_operations_running: {
    type: 'gauge',
    help: 'Heals that somebody asked this agent for and that have not ended, by kind (index, full).',
    labels: ['kind'],
  },
  gluster_heal_operations_total: {
    type: 'counter',
    help: 'Heals that somebody asked this agent for, by how they ended (Succeeded, Failed, Unknown: nobody can tell any more).',
    labels: ['kind', 'outcome'],
  },
  gluster_heal_daemon_disconnected_bricks: {
    type: 'gauge',
    help: 'Bricks to which the self-heal daemon of this pod has no connection, at least: as it says itself, and of disperse sets, of which it says nothing, those to which it has no TCP connection; of the set of this brick (own) and of the other sets of the volume (other). Absent while not known, and while a disperse set has lost none.',
    labels: ['set'],
  },
  gluster_volfile_last_reload_successful: {
    type: 'gauge',
    help: 'Whether the last change of the volfile reached the process (1) or not (0); absent before the first change.',
    labels: ['process'],
  },
  gluster_volfile_last_reload_success_timestamp_seconds: {
    type: 'gauge',
    help: 'Unix time of the last reload that was seen to work; absent before the first.',
    labels: ['process'],
  },
  gluster_volfile_restart_required: {
    type: 'gauge',
    help: '1 while the process must be restarted to run what the volfile says, 0 when not; absent while unknown.',
    labels: ['process'],
  },
  gluster_volfile_restart_waiting: {
    type: 'gauge',
    help: '1 while the agent is to restart the process and the set does not allow it, 0 when not.',
    labels: ['process'],
  },
  gluster_volfile_restarts_total: {
    type: 'counter',
    help: 'Restarts by the agent to bring a volfile in, by whether a process came back and runs it (ok) or not (failed).',
    labels: ['process', 'outcome'],
  },
  gluster_volfile_info: {
    type: 'gauge',
    help: 'SHA-256 of the volfile that is wanted and what became of it; always 1.',
    labels: ['process', 'sha256', 'outcome'],
  },
  gluster_volfile_problems: {
    type: 'gauge',
    help: 'Findings of the lint in the volfile that is wanted; absent while it cannot be read.',
    labels: ['process', 'severity'],
  },
  gluster_rpc_calls_total: {
    type: 'counter',
    help: 'RPC calls to brick and heal daemon by outcome (ok, or the code of the error).',
    labels: ['procedure', 'outcome'],
  },
  gluster_rpc_call_seconds_total: {
    type: 'counter',
    help: 'Time spent waiting for RPC replies.',
    labels: ['procedure'],
  },
  process_start_time_seconds: { type: 'gauge', help: 'Unix time at which the agent started.', labels: [] },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the agent, user and system.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the agent.', labels: [] },
  process_virtual_memory_bytes: { type: 'gauge', help: 'Virtual memory of the agent.', labels: [] },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors of the agent.', labels: [] },
  process_max_fds: { type: 'gauge', help: 'File descriptors that the agent may open.', labels: [] },
  nodejs_version_info: { type: 'gauge', help: 'Version of Node; always 1.', labels: ['version'] },
  nodejs_heap_size_used_bytes: { type: 'gauge', help: "Used heap of the agent's main thread.", labels: [] },
  nodejs_heap_size_total_bytes: { type: 'gauge', help: "Heap of the agent's main thread.", labels: [] },
  nodejs_external_memory_bytes: {
    type: 'gauge',
    help: "Memory outside of the heap that objects of the agent's main thread hold.",
    labels: [],
  },
  nodejs_eventloop_lag_mean_seconds: {
    type: 'gauge',
    help: 'Mean delay of the event loop since the last scrape.',
    labels: [],
  },
  nodejs_eventloop_lag_p99_seconds: {
    type: 'gauge',
    help: '99th percentile of the delay of the event loop since the last scrape.',
    labels: [],
  },
  nodejs_eventloop_lag_max_seconds: {
    type: 'gauge',
    help: 'Longest delay of the event loop since the last scrape.',
    labels: [],
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** Counts of what is at most as large as each bound, ascending; what is larger is in `count` alone. */
export interface HistogramValue {
  buckets: readonly (readonly [bound: number, count: number])[];
  count: number;
  sum: number;
}

export type MetricValue<N extends MetricName> = (typeof METRICS)[N]['type'] extends 'histogram'
  ? HistogramValue
  : number;

/** Exactly the labels that the table has for a metric. */
export type MetricLabels<N extends MetricName> = Record<(typeof METRICS)[N]['labels'][number], string>;
