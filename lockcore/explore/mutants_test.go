package explore

// Mutations: scripts and clients that are broken on purpose, each in a world that is just large enough to show it. A
// rule that a broken script passes proves nothing.

import (
	"strings"
	"testing"
)

// mutation replaces one piece of a script's text, which must occur in it exactly once.
type mutation struct {
	name      string
	in        bounds
	script    string
	take, put string
	wants     string // what the complaint says
}

// Small worlds, in which a broken script shows soon.
var (
	oneAfterTheOther = bounds{name: "a client that takes the lock twice", owners: []string{"w"}, sessions: 2,
		ttl: 2, timeout: 2, until: 2, tries: 2, losses: 1, copies: 1}
	copied = bounds{name: "the same, and the network makes a copy", owners: []string{"w"}, sessions: 2,
		ttl: 2, timeout: 2, until: 4, tries: 1, doubles: 1, copies: 1}
	expiring = bounds{name: "two clients, whose holds expire", owners: []string{"w", "w1"}, sessions: 1, extends: 1,
		ttl: 1, timeout: 1, until: 4, tries: 1}
	nameless = bounds{name: "two clients that release and extend by owner alone", owners: []string{"w", "w1"}, sessions: 1, extends: 1, byOwner: true,
		ttl: 1, timeout: 1, until: 3, tries: 1}
	sameName = bounds{name: "two clients of one name", owners: []string{"w", "w"}, sessions: 1,
		ttl: 2, timeout: 2, until: 2, tries: 1}
	late = bounds{name: "a client at work after its TTL", owners: []string{"w"}, sessions: 1, extends: 2,
		ttl: 1, timeout: 1, until: 5, tries: 2, losses: 1, doubles: 1, copies: 1}
	lateAndForced = bounds{name: "a client at work after its hold was ended by force", owners: []string{"w"}, sessions: 1, extends: 1, forces: 1,
		ttl: 1, timeout: 1, until: 4, tries: 1}
	shorter = bounds{name: "a client that extends by less than is left", owners: []string{"w"}, sessions: 1, extends: 1,
		ttl: 3, longer: 1, timeout: 1, until: 2, tries: 1}
	refusing = bounds{name: "a server that refuses one HSET", owners: []string{"w"}, sessions: 1, faults: 1, refused: []fault{noHSET},
		ttl: 2, timeout: 1, until: 1, tries: 1}
	unrenewed = bounds{name: "a server that refuses one PEXPIREAT", owners: []string{"w"}, sessions: 1, faults: 1, refused: []fault{noPEXPIREAT},
		ttl: 2, timeout: 2, until: 4, tries: 2, losses: 1, copies: 1}
	besides = bounds{name: "a foreign client of the same name", owners: []string{"w"}, sessions: 1, extends: 1, foreign: 2,
		ttl: 2, timeout: 1, until: 2, tries: 2, losses: 1, copies: 1}
	besidesForced = bounds{name: "a foreign client and an operator", owners: []string{"w"}, sessions: 1, foreign: 2, forces: 1,
		ttl: 2, timeout: 1, until: 2, tries: 1}
	operated = bounds{name: "an operator who forces and undoes", owners: []string{"w"}, sessions: 1, extends: 1, forces: 1, undos: 1, edge: true,
		ttl: 2, timeout: 2, until: 3, tries: 2, losses: 1, copies: 1}
	operatedTwice = bounds{name: "an operator, and a client that takes the lock twice", owners: []string{"w"}, sessions: 2, forces: 1, undos: 1,
		ttl: 2, timeout: 2, until: 1, tries: 1, doubles: 1, copies: 1}
	orderedTwice = bounds{name: "an operator who forces twice", owners: []string{"w", "w1"}, sessions: 1, forces: 2, undos: 1,
		ttl: 2, timeout: 1, until: 1, tries: 1, losses: 1, copies: 1}
	passedOn = bounds{name: "an operator who asks twice for an undo, and a stranger", owners: []string{"w"}, sessions: 1,
		foreign: 2, stranger: "stranger", forces: 1, undos: 2, ttl: 2, timeout: 1, until: 1, tries: 1}
	blindly = bounds{name: "an operator who names the owner only", owners: []string{"w", "w1"}, sessions: 1, forces: 1, seizures: 1, blind: true,
		ttl: 2, timeout: 1, until: 1, tries: 1}
	taking = bounds{name: "an operator who takes the lock over", owners: []string{"w"}, sessions: 2, seizures: 1,
		ttl: 2, timeout: 1, until: 1, tries: 2, losses: 1, copies: 1}
)

const agrees = "if math.abs(deadline - ends) > DEADLINE_TOLERANCE_MS then"

var mutations = []mutation{
	{"the owner is not compared", nameless, "release", "if holder == owner then", "if holder then", "a release ended a hold that it does not name"},
	{"a prefix of the owner is compared", nameless, "release", "if holder == owner then", "if holder and string.sub(holder, 1, #owner) == owner then", "a release ended a hold that it does not name"},
	{"a release deletes whatever its owner has", oneAfterTheOther, "release", "if (fence == '' or recorded and fence == sub(s, 34, 49)) and (request == '' or recorded and request == match(s, '^%S+', 101)) then", "if true then", "a release ended a hold that it does not name"},
	{"a release does not compare the fence", oneAfterTheOther, "release", "(fence == '' or recorded and fence == sub(s, 34, 49))", "true", "a release ended a hold that it does not name"},
	{"giving up does not compare the request", oneAfterTheOther, "release", "(request == '' or recorded and request == match(s, '^%S+', 101))", "true", "a release ended a hold that it does not name"},
	{"a release believes a stale ledger", besides, "release", agrees, "if false then", "a release ended a hold that it does not name"},
	{"giving up leaves no word of it", oneAfterTheOther, "release", "    redis.call('HSET', ledger, 'r', requests)\n", "", "a request was granted that had been given up"},
	{"a release tells nobody", operated, "release", "past.flags = 't'", "past.flags = ''", "to an owner who knows"},

	{"an acquire overwrites", expiring, "acquire", "redis.pcall('SET', lock, owner, 'NX', 'PXAT', deadline)", "redis.pcall('SET', lock, owner, 'PXAT', deadline)", "an acquire changed a lock that was held"},
	{"the fence does not rise", oneAfterTheOther, "acquire", "highest + 1)", "highest)", "a new hold has the fence"},
	{"the fence is the clock's", oneAfterTheOther, "acquire", "if clock <= highest then", "if false then", "a new hold has the fence"},
	{"an acquire tells nobody", operated, "acquire", "no('ended', '', '', request, '', true)", "no('ended', '', '', request, '')", "to an owner who knows"},
	{"a repeat is denied", oneAfterTheOther, "acquire", "(request == '-' or request == match(s, '^%S+', 101))", "false", "the repeat of a live request is denied"},
	{"every request of the owner's is a repeat", sameName, "acquire", "(request == '-' or request == match(s, '^%S+', 101))", "true", "yes to another request"},
	{"a repeat gets a new fence", oneAfterTheOther, "acquire", "return now .. ' ' .. fence .. ' ' .. digits(pttl) .. ' 1'", "return now .. ' ' .. digits(fence + 1) .. ' ' .. digits(pttl) .. ' 1'", "the repeat of a live request has the fence"},
	{"an acquire believes a stale ledger", besides, "acquire", agrees, "if false then", "yes to another request"},
	{"ended requests are forgotten", copied, "acquire", "    refused = 'ended'\n", "", "granted"},
	{"no request is ever late", late, "acquire", "if now > ARGV[6] then", "if false then", "a request was granted after its time"},
	{"what cannot be recorded is held all the same", refusing, "acquire", "if granted then redis.call('DEL', lock) end", "", "denied or failed changed the lock"},
	{"what cannot be recorded is on record all the same", unrenewed, "acquire", "if s then redis.pcall('HSET', ledger, 's', s) else redis.pcall('HDEL', ledger, 's') end", "", "an overrun was counted of a hold that did not expire"},
	{"a denial renews the lock", expiring, "acquire", "local attempts, denied = denial(pttl)", "local attempts, denied = denial(pttl) redis.call('PEXPIRE', lock, ttl + 1000)", "denied or failed changed the lock"},

	{"an extend shortens", shorter, "extend", "if left < 0 or left >= ttl then", "if left < 0 then", "an extend shortened the hold"},
	{"an extend creates", expiring, "extend", "local holder = redis.call('GET', lock)", "redis.call('SET', lock, owner, 'NX', 'PX', ARGV[2])\nlocal holder = redis.call('GET', lock)", "a step that was denied or failed changed the lock"},
	{"an extend does not compare the owner", nameless, "extend", "local holder = redis.call('GET', lock)", "local holder = redis.call('GET', lock) and owner", "an extend says yes to somebody"},
	{"an extend believes a stale ledger", besides, "extend", agrees, "if false then", "an extend says yes to somebody"},
	{"an extend tells nobody", operated, "extend", "past.flags = 't'", "past.flags = ''", "to an owner who knows"},
	{"an extend promises more than it did", expiring, "extend", "digits(left)\n", "digits(left + 1000)\n", "an extend tells another TTL"},

	{"an overrun is counted at each call", late, "extend", "past.flags ~= '' or sent == ''", "sent == ''", "an overrun was counted twice"},
	{"an overrun is counted at each release", late, "release", "past.flags ~= '' or sent == ''", "sent == ''", "an overrun was counted twice"},
	{"a call that was sent in time is an overrun", late, "release", "  if late <= 0 then return end\n", "", "sent in time"},
	{"every overrun is an overlap", late, "release", "local overlap = holder and holder ~= past.owner and not recorded", "local overlap = true", "nobody else had got in"},
	{"a hold that was ended by force is overrun", lateAndForced, "release", "if past.how ~= 'expired' or past.flags", "if past.flags", "an overrun was counted of a hold that did not expire"},

	{"a forced release does not compare the owner", blindly, "force_release", "local meant = holder == ARGV[1]", "local meant = holder", "a forced release ended another hold"},
	{"a forced release does not compare the fence", operatedTwice, "force_release", "meant = recorded and hold_fence == ARGV[2]", "meant = true", "a forced release ended another hold"},
	{"a forced release does not compare the deadline", besidesForced, "force_release", "math.abs(ends - seen) <= SEEN_TOLERANCE_MS", "true", "a forced release ended another hold"},
	{"a forced release leaves the highest fence", operated, "force_release", "local fence = clock\nif clock <= highest then fence = format('%016.0f', highest + 1) end", "local fence = highest", "the highest fence is still that of the hold"},
	{"a forced release is not known again", operated, "force_release", "if before and before.how == 'forced' or type(r) == 'string' and", "if false and", "a forced release that was carried out is denied when it is repeated"},

	{"a seizure does not compare the owner", blindly, "seize", "local meant = holder == ARGV[1]", "local meant = holder", "a seizure ended another hold"},
	{"a seizure is not known again", taking, "seize", "\nif mine then", "\nif false then", "denied when it is repeated"},
	{"a seizure does not raise the fence", taking, "seize", "local fence = clock\nif clock <= highest then fence = format('%016.0f', highest + 1) end", "local fence = highest == '0000000000000000' and clock or highest", "a seizure has the fence"},

	{"an undo does not ask whether the owner knows", operated, "undo", "if last.how ~= 'forced' then return refuse('unknown') end\nif last.flags == 't' then return refuse('told') end\n", "", "to an owner who knows"},
	{"an undo does not ask for the deadline", operated, "undo", "then return refuse('passed') end", "then end", "an undo gave a lock back after its deadline"},
	{"an undo forgets that the lock went on", passedOn, "undo", "sub(s, 1, 33), 't'", "sub(s, 1, 33), ''", "gone on to somebody else"},
	{"an undo does not ask which order it undoes", orderedTwice, "undo", "if last.op ~= ARGV[1] then return refuse('unknown') end\n", "", "an undo gave a lock back"},
	{"an undo gives a TTL of its own", operated, "undo", "'NX', 'PXAT', digits(tonumber(last.deadline)))", "'NX', 'PX', '60000')", "an undo gave the lock back other than it was"},
	{"an undo takes another hold for what it gave back", operatedTwice, "undo", "redis.call('HGET', ledger, 'u') == ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. last.fence and", "string.find(redis.call('HGET', ledger, 'u') or '', ARGV[1] .. ' ' .. ARGV[2], 1, true) and", "an undo says yes, and the lock was not given back"},
	{"an undo is not known again", operated, "undo", "if redis.call('HGET', ledger, 'u') ==", "if '' ==", "denied when it is repeated"},
}

func TestEveryBrokenScriptIsFound(t *testing.T) {
	checked := map[string]bool{}
	for _, m := range mutations {
		m.in.states = 1_000_000
		if !checked[m.in.name] { // else it proves nothing that something is found
			checked[m.in.name] = true
			t.Run("unbroken: "+m.in.name, func(t *testing.T) {
				t.Parallel()
				b := m.in
				b.states = min(b.states, stateLimit)
				if r := explore(t, b, nil); r.violation != "" {
					t.Errorf("%s:\n%s", r.violation, r.way())
				}
			})
		}
		t.Run(m.script+": "+m.name, func(t *testing.T) {
			t.Parallel()
			r := explore(t, m.in, func(name, source string) string {
				if name != m.script {
					return source
				}
				if n := strings.Count(source, m.take); n != 1 {
					t.Fatalf("the mutation's text occurs %d times in %s: %s", n, name, m.take)
				}
				return strings.Replace(source, m.take, m.put, 1)
			})
			if r.violation == "" || !strings.Contains(r.violation, m.wants) {
				t.Fatalf("not found: %s\n%s", r, r.way())
			}
			t.Logf("%s\n%s", r, r.way())
		})
	}
}

func TestEveryBrokenClientIsFound(t *testing.T) {
	for name, b := range map[string]bounds{
		"the TTL is counted from the answer":           {lateStart: true},
		"after an unknown outcome nothing is given up": {keepsDoubt: true},
	} {
		t.Run(name, func(t *testing.T) {
			b.owners, b.sessions, b.ttl, b.timeout, b.until = []string{"w", "w1"}, 1, 2, 2, 4
			b.tries, b.losses, b.copies, b.states = 1, 1, 1, 1_000_000
			r := explore(t, b, nil)
			if r.violation == "" {
				t.Fatalf("not found: %s", r)
			}
			t.Logf("%s\n%s", r, r.way())
		})
	}
}
