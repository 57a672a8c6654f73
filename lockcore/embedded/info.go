package embedded

// INFO: what the server says of itself, in the sections and words of Redis.

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// version is the Redis that this server answers like.
const version = "7.0.15"

var infoCommands = []command{
	{name: "info", arity: -1, do: info},
	{name: "lastsave", arity: 1, do: func(c *call) any { return c.started.Unix() }},
}

type infoSection struct {
	name  string
	extra bool // only on demand, or with "all"
	lines func(*Server) []string
}

var infoSections = []infoSection{
	{"Server", false, (*Server).infoServer},
	{"Clients", false, (*Server).infoClients},
	{"Memory", false, (*Server).infoMemory},
	{"Persistence", false, func(s *Server) []string {
		return []string{"loading:0", "rdb_bgsave_in_progress:0", "aof_enabled:0"}
	}},
	{"Stats", false, (*Server).infoStats},
	{"Replication", false, func(s *Server) []string {
		return []string{"role:master", "connected_slaves:0", "master_failover_state:no-failover", "master_repl_offset:0"}
	}},
	{"Modules", false, func(*Server) []string { return nil }},
	{"Commandstats", true, (*Server).infoCommands},
	{"Cluster", false, func(*Server) []string { return []string{"cluster_enabled:0"} }},
	{"Keyspace", false, (*Server).infoKeyspace},
}

func info(c *call) any {
	wanted := map[string]bool{}
	for _, arg := range c.args[1:] {
		wanted[strings.ToLower(arg)] = true
	}
	all := wanted["all"] || wanted["everything"]
	usual := len(wanted) == 0 || wanted["default"]
	var parts []string
	for _, section := range infoSections {
		if all || usual && !section.extra || wanted[strings.ToLower(section.name)] {
			lines := append([]string{"# " + section.name}, section.lines(c.Server)...)
			parts = append(parts, strings.Join(lines, "\r\n")+"\r\n")
		}
	}
	return verbatim(strings.Join(parts, "\r\n"))
}

func (s *Server) infoServer() []string {
	up := int64(s.time.Sub(s.started).Seconds())
	return []string{
		"redis_version:" + version,
		"redis_mode:standalone",
		"os:" + runtime.GOOS + " " + runtime.GOARCH,
		"arch_bits:64",
		fmt.Sprintf("process_id:%d", os.Getpid()),
		"run_id:" + s.runID,
		"tcp_port:" + s.port(),
		fmt.Sprintf("server_time_usec:%d", s.time.UnixMicro()),
		fmt.Sprintf("uptime_in_seconds:%d", up),
		fmt.Sprintf("uptime_in_days:%d", up/86400),
		"hz:10",
		"configured_hz:10",
		"config_file:",
	}
}

func (s *Server) infoClients() []string {
	return []string{
		fmt.Sprintf("connected_clients:%d", len(s.clients)),
		"maxclients:10000",
		"blocked_clients:0",
		"tracking_clients:0",
	}
}

func (s *Server) infoMemory() []string {
	return []string{
		"maxmemory:0",
		"maxmemory_human:0B",
		"maxmemory_policy:noeviction",
		fmt.Sprintf("number_of_cached_scripts:%d", len(s.scripts.known)),
	}
}

func (s *Server) infoStats() []string {
	return []string{
		fmt.Sprintf("total_connections_received:%d", s.counters.connections),
		fmt.Sprintf("total_commands_processed:%d", s.counters.commands),
		"rejected_connections:0",
		fmt.Sprintf("expired_keys:%d", s.counters.expired),
		"evicted_keys:0",
		fmt.Sprintf("keyspace_hits:%d", s.counters.hits),
		fmt.Sprintf("keyspace_misses:%d", s.counters.misses),
		fmt.Sprintf("pubsub_channels:%d", len(s.channels)),
		fmt.Sprintf("pubsub_patterns:%d", len(s.patterns)),
		fmt.Sprintf("client_output_buffer_limit_disconnections:%d", s.counters.cutOutput),
		fmt.Sprintf("total_error_replies:%d", s.counters.errors),
	}
}

func (s *Server) infoCommands() []string {
	var lines []string
	for _, cmd := range s.commands {
		if cmd.calls+cmd.rejected == 0 {
			continue
		}
		us := cmd.took.Microseconds()
		lines = append(lines, fmt.Sprintf("cmdstat_%s:calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			cmd.name, cmd.calls, us, float64(us)/float64(max(1, cmd.calls)), cmd.rejected, cmd.failed))
	}
	slices.Sort(lines)
	return lines
}

func (s *Server) infoKeyspace() []string {
	var lines []string
	for _, db := range s.dbs {
		if len(db.keys) == 0 {
			continue
		}
		var left int64
		for _, e := range db.deadlines {
			left += max(0, e.deadline-s.now) / int64(len(db.deadlines))
		}
		lines = append(lines, fmt.Sprintf("db%d:keys=%d,expires=%d,avg_ttl=%d", db.id, len(db.keys), len(db.deadlines), left))
	}
	return lines
}
