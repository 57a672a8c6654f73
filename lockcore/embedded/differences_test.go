package embedded_test

// The commands that are replayed against both servers.

var differences = []struct {
	name     string
	notify   string // KEA, if empty
	commands string // a line each; "2> " is the second client
}{
	{name: "a lock's life", commands: `
		SET lock:1 owner NX PX 15000
		SET lock:1 other NX PX 15000
		GET lock:1
		SET lock:1 owner XX PX 20000
		SET lock:none owner XX PX 20000
		SET lock:1 owner
		TTL lock:1
		DEL lock:1
		DEL lock:1
		SETNX lock:1 a
		SETNX lock:1 b
		UNLINK lock:1 lock:2
	`},
	{name: "SET options", commands: `
		SET k v GET
		SET k w GET NX
		SET k w XX GET
		SET k v NX XX
		SET k v EX 10 PX 10
		SET k v EX
		SET k v EX 0
		SET k v PX -1
		SET k v EX 1.5
		SET k v EX 9223372036854775807
		SET k v PX 9223372036854775807
		SET k v EXAT 0
		SET k v EX 100 KEEPTTL
		SET k v KEEPTTL EX 100
		SET k v PXAT 99999999999999
		PEXPIRETIME k
		SET k w KEEPTTL
		PEXPIRETIME k
		SET k w
		PEXPIRETIME k
		SET k v EXAT 99999999999
		EXPIRETIME k
		SET k v bogus
		HSET h f v
		SET h v GET
		SET h v NX GET
		SET h v
		TYPE h
		SETEX k 0 v
		PSETEX k -1 v
		SETEX k x v
		SETEX k 99999999999999999 v
		SETEX k 100 v
		PSETEX k 100000 v
	`},
	{name: "strings", commands: `
		GETSET k a
		GETSET k b
		GETDEL k
		GETDEL k
		SET n 10
		INCR n
		INCRBY n -20
		DECR n
		DECRBY n 5
		INCRBY n x
		SET n 9223372036854775807
		INCR n
		SET n " 1"
		INCR n
		SET n 01
		INCR n
		SET n ""
		INCR n
		SET n +1
		INCR n
		SET n -0
		INCR n
		DECRBY n -9223372036854775808
		APPEND a x
		APPEND a yz
		STRLEN a
		STRLEN none
		MSET a 1 b 2
		MSET a 1 b
		MGET a none b
		HSET h f v
		MGET a h
		GET h
		INCR h
		APPEND h x
		STRLEN h
		GETSET h x
		GETDEL h
		GETEX h
	`},
	{name: "GETEX", commands: `
		SET k v
		GETEX k
		GETEX k EX 100
		GETEX k PERSIST
		GETEX k PERSIST
		GETEX k EX 0
		GETEX k EX x
		GETEX k EX 10 PERSIST
		GETEX k PERSIST EX 10
		GETEX k KEEPTTL
		GETEX k NX
		GETEX none EX x
		GETEX k PXAT 99999999999999
		PEXPIRETIME k
		GETEX k EXAT 1
		EXISTS k
	`},
	{name: "EXPIRE and its options", commands: `
		EXPIRE none 10
		SET k v
		TTL k
		PTTL none
		EXPIRE k 100 XX
		EXPIRE k 100 GT
		EXPIRE k 100 LT
		EXPIRE k 50 GT
		EXPIRE k 200 NX
		EXPIRE k 200 GT
		EXPIRE k 100 XX LT
		EXPIRE k 10 NX XX
		EXPIRE k 10 NX GT
		EXPIRE k 10 GT LT
		EXPIRE k 10 bogus
		EXPIRE k x bogus
		EXPIRE k x
		EXPIRE k 9223372036854775807
		EXPIRE k -9223372036854775808
		PEXPIRE k 9223372036854775807
		EXPIREAT k 99999999999
		EXPIRETIME k
		PEXPIRETIME k
		PERSIST k
		PERSIST k
		PERSIST none
		EXPIRETIME k
		EXPIRETIME none
		PEXPIREAT k 1
		EXISTS k
		SET k v
		PEXPIRE k 0
		SET k v
		EXPIRE k -1
		SET k v
		EXPIREAT k 1 NX
		HSET h f v
		EXPIRE h 100
		HSET h g w
		TTL h
	`},
	{name: "an overdue key", notify: "KEAm", commands: `
		MULTI
		SET k v PXAT 1
		SET k w NX PX 100000
		SET l v PXAT 1
		GET l
		SET m v PXAT 1
		DEL m
		SET n v PXAT 1
		EXPIRE n 100
		SET o v PXAT 1
		RENAME o p
		SET q v PXAT 1
		HSET q f v
		SET r v PXAT 1
		SETNX r v
		SET s v PXAT 1
		TTL s
		SET t v PXAT 1
		SCAN 0 MATCH t COUNT 1000
		SET u v PXAT 1
		COPY k u
		SET v v PXAT 1
		KEYS v
		EXISTS v
		EXEC
		GET k
	`},
	{name: "a deadline in the past", commands: `
		SET k v PX 100000
		EVAL "return redis.call('PEXPIREAT', KEYS[1], 1)" 1 k
		GET k
		EXISTS k
	`},
	{name: "hashes", commands: `
		HSET h a 1 b 2
		HSET h a 1 c 3
		HSET h a
		HMSET h d 4
		HMSET h d
		HSETNX h a 2
		HSETNX h e 5
		HGET h a
		HGET h none
		HGET none a
		HMGET h a none b
		HMGET none a
		HGETALL h
		HGETALL none
		HKEYS h
		HVALS h
		HLEN h
		HLEN none
		HEXISTS h a
		HEXISTS h none
		HSTRLEN h a
		HSTRLEN h none
		HINCRBY h a 5
		HINCRBY h a x
		HSET h t text
		HINCRBY h t 1
		HINCRBY h new -3
		HINCRBY h a 9223372036854775807
		HINCRBY new f 1
		HDEL h none
		HDEL h a a b
		HGETALL h
		HDEL h c d e t new
		EXISTS h
		HDEL h a
		SET s v
		HGET s f
		HSET s f v
		HSETNX s f v
		HDEL s f
		HINCRBY s f 1
		HGETALL s
		HSCAN h 0
		HSET h a 1 b 2
		HSCAN h 0 MATCH a
		HSCAN h 0 COUNT 0
		HSCAN s 0
		HSCAN none x
	`},
	{name: "streams", commands: `
		XADD x 1-1 a b
		XADD x 1-1 a b
		XADD x 1-* a b
		XADD x 0-0 a b
		XADD x 2 a b c d
		XADD x 2-* a b
		XADD x 1-* a b
		XADD x bad a b
		XADD x 1-x a b
		XADD x 1-2-3 a b
		XADD x * a
		XADD x
		XADD none NOMKSTREAM * a b
		EXISTS none
		time XADD y * a b
		XLEN x
		XLEN none
		XRANGE x - +
		XRANGE x - + COUNT 1
		XRANGE x 1 1
		XRANGE x 1-1 1-1
		XRANGE x (1-1 +
		XRANGE x (1-1 (2
		XRANGE x 3 4
		XRANGE x 2 1
		XRANGE x - + COUNT
		XRANGE x - + COUNT x
		XRANGE x - + COUNT 0
		XRANGE none - + COUNT 0
		XRANGE x - + COUNT -5
		XRANGE x bad +
		XRANGE none - +
		XREVRANGE x + -
		XREVRANGE x + - COUNT 2
		XREVRANGE x 2 (1-1
		XRANGE x - (0-0
		XRANGE x (18446744073709551615-18446744073709551615 +
		XADD x MAXLEN 2 9-1 a b
		XRANGE x - +
		XADD x MAXLEN = 0 9-2 a b
		XLEN x
		XADD x MAXLEN ~ 1 10 a b
		XADD x MAXLEN ~ 1 LIMIT 5 11 a b
		XADD x MAXLEN 1 LIMIT 5 12 a b
		XADD x MAXLEN -1 13 a b
		XADD x MAXLEN x 13 a b
		XADD x MINID 11 14 a b
		XADD x MINID bad 15 a b
		XADD x MAXLEN 1 MINID 1 15 a b
		XADD x LIMIT 5 16 a b
		XRANGE x - +
		XADD x 18446744073709551615-18446744073709551615 a b
		XADD x * a b
		SET s v
		XADD s * a b
		XLEN s
		XRANGE s - +
		XADD s MAXLEN
		TYPE x
	`},
	{name: "keys", notify: "KEAn", commands: `
		SET a 1
		HSET h f v
		XADD x 1 a b
		TYPE a
		TYPE h
		TYPE x
		TYPE none
		EXISTS a a none h
		RENAME a b
		RENAME none b
		RENAME b b
		RENAMENX b h
		RENAMENX b c
		RENAMENX c c
		EXPIREAT c 99999999999
		RENAME c d
		EXPIRETIME d
		SET e over
		RENAME d e
		GET e
		EXPIRETIME e
		COPY e f
		EXPIRETIME f
		COPY e f
		COPY h f REPLACE
		HGETALL f
		HSET f f other
		HGETALL h
		COPY x y
		XLEN y
		COPY e e
		COPY e e DB 1
		COPY e g DB 99
		COPY e g DB x
		COPY e g bogus
		COPY none g
		MOVE e 1
		MOVE f 1
		MOVE f 0
		MOVE f 99
		MOVE none 1
		2> SELECT 1
		set 2> KEYS *
		2> SELECT 0
		set KEYS *
		set KEYS [ef]
		KEYS nothing*
		DBSIZE
		SCAN 0 TYPE stream COUNT 100 MATCH x
		SCAN 0 TYPE nosuch COUNT 1000
		SCAN x
		SCAN 0 COUNT 0
		SCAN 0 COUNT x
		SCAN 0 COUNT
		SCAN 0 bogus 1
		SCAN 0 MATCH nothing COUNT 100
		RANDOMKEY bogus
		SWAPDB 0 1
		set KEYS *
		SWAPDB 0 0
		SWAPDB 0 99
		SWAPDB x 1
		SWAPDB 1 x
		FLUSHDB bogus
		FLUSHDB SYNC
		DBSIZE
		SELECT 1
		DBSIZE
		FLUSHALL ASYNC
		DBSIZE
		FLUSHALL a b
		RANDOMKEY
	`},
	{name: "patterns", commands: `
		MSET a 1 b 1 ab 1 [a] 1 a* 1 \ 1 a\b 1 -x 1 ] 1 a-c 1 é 1
		set KEYS *
		set KEYS a*
		set KEYS [a]
		set KEYS \[a\]
		set KEYS a\*
		set KEYS [^a]*
		set KEYS [b-a]
		set KEYS [
		set KEYS []
		set KEYS []]
		set KEYS [a
		set KEYS [a-]
		set KEYS [^]
		set KEYS "\\"
		set KEYS "a\\\\b"
		set KEYS "\\\\"
		set KEYS "[\\]]"
		set KEYS "[\\"
		set KEYS ?
		set KEYS ??
		set KEYS *b
		set KEYS **a**
		set KEYS ""
	`},
	{name: "databases", commands: `
		SELECT 3
		SET k v PX 100000
		DEL k
		SELECT 16
		SELECT -1
		SELECT x
		2> GET k
	`},
	{name: "transactions", commands: `
		EXEC
		DISCARD
		MULTI
		MULTI
		SET k v
		WATCH k
		GET k
		EXEC
		MULTI
		SET k w
		DISCARD
		GET k
		MULTI
		NOSUCH a
		SET k w
		EXEC
		MULTI
		GET
		EXEC
		MULTI
		SET k text
		INCR k
		HSET k f v
		SET k after
		EXEC
		MULTI
		EXEC
		WATCH k
		2> SET k other
		MULTI
		GET k
		EXEC
		GET k
		WATCH k
		MULTI
		GET k
		EXEC
		WATCH k
		2> SET k again
		UNWATCH
		MULTI
		GET k
		EXEC
		WATCH k l
		WATCH k
		SET l own
		MULTI
		GET l
		EXEC
		WATCH new
		2> SETNX k x
		2> DEL new
		MULTI
		PING
		EXEC
		WATCH new
		2> SET new x
		MULTI
		PING
		EXEC
		WATCH new
		2> EXPIRE new 100
		MULTI
		PING
		EXEC
		WATCH new
		2> PERSIST new
		MULTI
		PING
		EXEC
		WATCH new
		2> PERSIST new
		MULTI
		PING
		EXEC
		WATCH none
		2> FLUSHALL
		MULTI
		PING
		EXEC
		SET k v
		WATCH k
		2> FLUSHALL
		MULTI
		PING
		EXEC
		HSET h f v
		WATCH h
		2> HDEL h none
		2> HSET h f v
		MULTI
		PING
		EXEC
		SET k v
		2> SET k w PXAT 1
		WATCH k
		2> GET k
		MULTI
		SELECT 5
		SET k five
		SELECT 0
		EXISTS k
		EVAL "return redis.call('GET', KEYS[1])" 1 k
		EXEC
		MULTI
		SUBSCRIBE x
		UNSUBSCRIBE x
		DISCARD
		MULTI
		RESET
		EXEC
		MULTI bogus
	`},
	{name: "a watched key is removed by a deadline in the past", commands: `
		SET k v PX 100000
		EVAL "return redis.call('PEXPIREAT', KEYS[1], ARGV[1])" 1 k 99999999999999
		WATCH k
		2> PEXPIREAT k 1
		MULTI
		PING
		EXEC
	`},
	{name: "scripts: conversions", commands: `
		EVAL "return 1" 0
		EVAL "return 3.99" 0
		EVAL "return -3.99" 0
		EVAL "return 'text'" 0
		EVAL "return ''" 0
		EVAL "return true" 0
		EVAL "return false" 0
		EVAL "return nil" 0
		EVAL "return" 0
		EVAL "" 0
		EVAL "return {}" 0
		EVAL "return {1, 'a', {2, {3.7}}, false, true, nil, 4}" 0
		EVAL "return {ok='fine'}" 0
		EVAL "return {err='BAD thing'}" 0
		EVAL "return {{err='BAD inside'}, {ok='inside'}}" 0
		EVAL "return {a=1}" 0
		EVAL "return function() end" 0
		EVAL "return {KEYS, ARGV, #KEYS, #ARGV}" 2 a b c
		EVAL "return KEYS[1] .. ARGV[1]" 1 k v
		EVAL "return redis.status_reply('HI')" 0
		EVAL "return redis.error_reply('OH no')" 0
		EVAL "return redis.error_reply('OH')" 0
		EVAL "return redis.error_reply('-OH no')" 0
		EVAL "return redis.error_reply('')" 0
		EVAL "return redis.error_reply()" 0
		EVAL "return redis.status_reply(1)" 0
		EVAL "return redis.sha1hex('')" 0
		EVAL "return redis.sha1hex(1)" 0
		EVAL "return redis.call('SET', 'k', 'v')" 0
		EVAL "return redis.call('SET', 'k', 'v', 'NX')" 0
		EVAL "return redis.call('GET', 'none') == false" 0
		EVAL "return type(redis.call('GET', 'k'))" 0
		EVAL "return redis.call('SET', 'k', 'v').ok" 0
		EVAL "return redis.call('HGETALL', 'none')" 0
		EVAL "redis.call('HSET', 'h', 'a', 1, 'b', 2) return redis.call('HGETALL', 'h')" 0
		EVAL "return redis.call('HMGET', 'h', 'a', 'none', 'b')" 0
		EVAL "return #redis.call('HMGET', 'h', 'a', 'none', 'b')" 0
		EVAL "return redis.call('PTTL', 'none')" 0
		EVAL "return type(redis.call('EXISTS', 'k'))" 0
		EVAL "return redis.call('TYPE', 'k')" 0
		EVAL "return redis.call('TYPE', 'k').ok" 0
		EVAL "return #redis.call('TIME')" 0
		EVAL "return redis.call('XADD', 'x', '1-1', 'a', 'b')" 0
		EVAL "return redis.call('XRANGE', 'x', '-', '+')" 0
		EVAL "return redis.call('PING')" 0
		EVAL "return redis.call('ECHO', 'hi')" 0
		EVAL "return redis.call('PUBLISH', 'a', 'b')" 0
		EVAL "return redis.REDIS_VERSION_NUM == tonumber('0x07000f')" 0
		EVAL "return redis.replicate_commands()" 0
		EVAL "return redis.log(redis.LOG_DEBUG, 'quiet')" 0
		EVAL "redis.call('SELECT', 3) redis.call('SET', 'three', 'v') return redis.call('GET', 'three')" 0
		GET three
		EVAL_RO "return redis.call('GET', KEYS[1])" 1 k
		code EVAL_RO "return redis.call('SET', KEYS[1], 'x')" 1 k
		EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
		SCRIPT LOAD "return 'loaded'"
		EVALSHA 3e11c7a0b2d0ddcb3d9ad5ce3fa7ad9ccb44ab1c 0
		SCRIPT EXISTS 3e11c7a0b2d0ddcb3d9ad5ce3fa7ad9ccb44ab1c e0e1f9fabfc9d4800c877a703b823ac0578ff8db
		SCRIPT FLUSH bogus
		SCRIPT FLUSH
		SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db
		EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0
		SCRIPT KILL
		SCRIPT bogus
		SCRIPT LOAD
	`},
	{name: "scripts: errors", commands: `
		HSET h f v
		SET n text
		EVAL "return redis.call('GET', KEYS[1])" 1 h
		EVAL "return redis.pcall('GET', KEYS[1])" 1 h
		EVAL "\n\nreturn redis.call('GET', KEYS[1])" 1 h
		EVAL "local e = redis.pcall('GET', KEYS[1]) return e.err" 1 h
		EVAL "local ok, e = pcall(redis.call, 'GET', KEYS[1]) return {tostring(ok), type(e), e}" 1 h
		EVAL "local function f() return redis.call('GET', KEYS[1]) end\nlocal x = f()\nreturn x" 1 h
		EVAL "redis.call('SET', 'a', 1) redis.call('INCR', 'n') redis.call('SET', 'b', 1)" 0
		EVAL "redis.call('SET', 'a', 2) error('done')" 0
		EVAL "error('plain', 0)" 0
		EVAL "error('plain')" 0
		EVAL "error({err='MY error'})" 0
		EVAL "error({err='MY error', line=7, source='x'})" 0
		EVAL "local ok, e = pcall(error, {err='MY x'}) return e" 0
		EVAL "local ok, e = pcall(error, {1, 2}) return e" 0
		EVAL "local ok, e = pcall(function() error('x') end) return e" 0
		EVAL "return {pcall(function(a, b) return a, b end, 1, 2)}" 0
		EVAL "local ok, e = xpcall(function() error('x', 0) end, function(m) return m .. '!' end) return e" 0
		EVAL "return assert(false, 'asserted')" 0
		EVAL "return redis.call('NOSUCH')" 0
		EVAL "return redis.pcall('NOSUCH')" 0
		EVAL "return redis.call('GET')" 0
		EVAL "return redis.call('CONFIG', 'GET')" 0
		EVAL "return redis.call('CONFIG', 'NOSUCH')" 0
		EVAL "return redis.call('CONFIG', 'GET', 'hz')" 0
		EVAL "return redis.call('SUBSCRIBE', 'x')" 0
		EVAL "return redis.call('MULTI')" 0
		EVAL "return redis.call('EVAL', 'return 1', 0)" 0
		EVAL "return redis.call()" 0
		EVAL "return redis.call({})" 0
		EVAL "return redis.call('GET', nil)" 0
		EVAL "return redis.call('GET', true)" 0
		EVAL "return redis.sha1hex()" 0
		EVAL "return redis.log('x')" 0
		EVAL "return redis.log('a', 'x')" 0
		EVAL "return redis.log(9, 'x')" 0
		EVAL "return nosuch" 0
		EVAL "nosuch = 1" 0
		EVAL "string = nil" 0
		EVAL "string.format = nil" 0
		EVAL "redis.call = nil" 0
		EVAL "KEYS = {}" 0
		EVAL "_G.x = 1" 0
		EVAL "rawset(_G, 'x', 1)" 0
		EVAL "setmetatable(_G, {})" 0
		EVAL "return getmetatable(_G) == nil" 0
		EVAL "return rawget(_G, 'nosuch') == nil" 0
		EVAL "function f() end" 0
		EVAL "local t = setmetatable({}, {__index = function(t, k) return k .. '?' end}) return t.x" 0
		EVAL "return KEYS[1]" 0
		code EVAL "return 1 +" 0
		code EVAL "x x" 0
		code EVAL "local a = {} return a.b.c" 0
		code EVAL "return 1 + nil" 0
		code EVAL "return 'a' .. nil" 0
		code EVAL "return nil .. 'a'" 0
		code EVAL "return #nil" 0
		code EVAL "return {} < {}" 0
		code EVAL "local function f() return f() + 1 end return f()" 0
		EVAL "return 1" x
		EVAL "return 1" 1
		EVAL "return 1" -1
		EVAL "return 1"
	`},
	{name: "scripts: numbers as text", commands: `
		EVAL "return tostring(1.79e15)" 0
		EVAL "return '' .. 1.79e15" 0
		EVAL "return 1 .. 2" 0
		EVAL "return 1e14 .. ' ' .. 1e15 .. ' ' .. 123456789012345 .. ' ' .. 12345678901234" 0
		EVAL "return -99999999999999 .. ' ' .. -100000000000000 .. ' ' .. 2^53" 0
		EVAL "local n = 99999999999999 return {n .. '', (n + 1) .. '', tostring(n + 1)}" 0
		EVAL "return 0.1 .. ' ' .. 1/3 .. ' ' .. 1e100 .. ' ' .. 1e-5 .. ' ' .. 123456.789 .. ' ' .. 1e-300" 0
		EVAL "return 1/0 .. ' ' .. -1/0 .. ' ' .. tostring(0/0)" 0
		EVAL "return tostring(0 * -1) .. ' ' .. 3 .. ' ' .. 3.0 .. ' ' .. -7" 0
		EVAL "local t = {} for i = 1, 3 do t[#t+1] = i * 1e15 end return table.concat(t, 7)" 0
		EVAL "return table.concat({1, 'a', 2.5}, ', ') .. table.concat({}) .. table.concat({1,2,3}, '-', 2) .. table.concat({1,2,3}, '-', 1, 2)" 0
		EVAL "return table.concat({1, {}, 2})" 0
		EVAL "local m = setmetatable({}, {__concat = function(a, b) return 'cat' end}) return {m .. 1, 1 .. m, m .. m, 'x' .. m}" 0
		EVAL "local m = setmetatable({}, {__tostring = function() return 'me' end}) return tostring(m) .. string.format('%s', m)" 0
		code EVAL "return (1e15):rep(2)" 0
		EVAL "local s = 5 return (s .. ''):rep(3) .. ('x'):rep(0) .. ('x'):rep(-1)" 0
		EVAL "return {string.len(1e15), string.sub(123456, 2, 3), string.upper(1e20), string.find(12345, 34), string.match(1e15, '%d'), string.reverse(123)}" 0
		EVAL "return {string.gsub('abc', 'b', 7), string.gsub('hello world', 'o', {o='0'}), string.gsub('abc', '%w', '%0%0'), string.gsub('abc', 'b', function(x) return x .. 1e15 end)}" 0
		EVAL "return {string.byte('abc', 2), string.char(65, 66), ('x'):byte()}" 0
		EVAL "local r = {} for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') do r[#r+1] = k .. v end return r" 0
		EVAL "return string.format('%d %5d %-5d| %05d %+d %i %u', 3.7, 42, 42, 42, 7, -3, 9)" 0
		EVAL "return string.format('%.0f %f %.3f %8.2f %e %g %g %G %.3g', 1.79e15, 1.5, 2.0005, 3.14159, 12345.678, 1e20, 0.1, 1e-10, 1234567)" 0
		EVAL "return string.format('%.14g %.17g %.0f %.0f %g %g', 0.1, 0.1, 0.5, 2.5, 100000, 1000000)" 0
		EVAL "return string.format('%x %X %o %#x %c %q %s %10s| %-10s| %.2s %%', 255, 255, 8, 255, 65, 'a\"b\\n\\\\', 1e15, 'r', 'l', 'abc')" 0
		EVAL "return string.format('%5.1f|%-8g|%+g|% d|%5s|%5.1s|', 2.25, 1.5, 2, 3, 'é', 'xyz')" 0
		EVAL "return string.format('%s %s %s', true, nil, 12)" 0
		EVAL "return string.format('%d', '42') + 1" 0
		EVAL "return string.format('%.20f %.10e', 1/3, 1/3)" 0
		EVAL "return string.format('%g %f %.0f', 1/0, -1/0, 1e22)" 0
		EVAL "return string.format('%d %d', -5, 2^40)" 0
		EVAL "redis.call('SET', 'k', 1.79e15) return redis.call('GET', 'k')" 0
		EVAL "redis.call('SET', 'k', 0.1) return redis.call('GET', 'k')" 0
		EVAL "redis.call('SET', 'k', 2^53 + 2) return redis.call('GET', 'k')" 0
		EVAL "redis.call('SET', 'k', 1e100) return redis.call('GET', 'k')" 0
		EVAL "redis.call('SET', 'k', -5.5) return redis.call('GET', 'k')" 0
		EVAL "return {'10' + 5, '0x10' + 0, 10 % 3, -1 % 3, 2^10, 7 / 2, math.floor(7 / 2), math.floor(-3.5), math.max(1, 3, 2)}" 0
		EVAL "return {tonumber('12'), tonumber('1e3'), tonumber('0x1F'), tonumber('zz', 36), tonumber('12a') == nil, tonumber('') == nil, tonumber(' 7 ')}" 0
		EVAL "return tostring(tonumber('1.5')) .. tostring(nil) .. tostring(true)" 0
		EVAL "return {'010' + 0, 010, '0x10' * 1, -'010', ' 5 ' - 1, '1e3' + 0, tonumber('010'), tonumber('1_0') == nil, tonumber('0b1') == nil, tonumber('ff', 16), tonumber(7, 8)}" 0
		EVAL "return 1 + 'x'" 0
		EVAL "local t = setmetatable({}, {__add = function() return 9 end, __unm = function() return 8 end}) return {t + 1, 1 + t, -t}" 0
		EVAL "return 1 + nil" 0
		EVAL "return string.format('%d', '010')" 0
		EVAL "return string.format('%d')" 0
		EVAL "return string.format('%d', 'x')" 0
		EVAL "return string.format('%s')" 0
		EVAL "return string.format('%q', nil)" 0
		EVAL "return {1e15, 2^53, -2^53, 4294967296}" 0
		EVAL "local t = {5, 2, 8, 1} table.sort(t) local u = {3, 1, 2} table.sort(u, function(a, b) return a > b end) return {t, u}" 0
		EVAL "local t = {1, 2, 3} table.insert(t, 4) table.insert(t, 1, 0) return {t, table.remove(t), table.remove(t, 1), #t}" 0
		EVAL "return {unpack({1, 2, 3}, 2)}" 0
		EVAL "return {select('#', 1, nil, 3), select(2, 'a', 'b', 'c')}" 0
		EVAL "local a = {} for i = 1, 300 do a[i] = i end return {#a, select('#', unpack(a))}" 0
		EVAL "return loadstring('return 1e15 .. \"\"')()" 0
		EVAL "local n = 0 for i = 10, 1, -3 do n = n + i end return n" 0
		EVAL "goto_ = 1" 0
	`},
	{name: "scripts: a compare-and-delete", commands: `
		SET lock:1 owner PX 100000
		EVAL "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end" 1 lock:1 other
		EVAL "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end" 1 lock:1 owner
		EVAL "redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 1000) redis.call('HSET', KEYS[2], 'f', 1, 'g', 2) redis.call('PEXPIRE', KEYS[2], 5000) return redis.call('INCR', 'fence')" 2 lock:1 ledger:1 owner
	`},
	{name: "publish and subscribe", commands: `
		SUBSCRIBE a
		2> PUBLISH a hello
		PING
		PUNSUBSCRIBE
		PING x
		GET k
		PSUBSCRIBE a*
		PSUBSCRIBE a*
		UNSUBSCRIBE a
		UNSUBSCRIBE a
		UNSUBSCRIBE
		2> PUBSUB CHANNELS a*
		2> PUBSUB NUMPAT
		2> PUBSUB NUMSUB a b
		2> PUBSUB NUMSUB
		2> PUBSUB bogus
		PUNSUBSCRIBE a*
		SUBSCRIBE
		GET k
		PUBLISH a b
		SUBSCRIBE a
		RESET
		GET k
	`},
	{name: "RESP3", commands: `
		HELLO 4
		HELLO x
		HELLO 3 bogus
		HELLO 3 SETNAME "a b"
		HELLO 3 AUTH nobody x
		time HELLO 3 AUTH default x SETNAME me
		CLIENT GETNAME
		SET k v
		GET none
		HSET h a 1 b 2
		HGETALL h
		HGETALL none
		HMGET h a none
		CONFIG GET databases
		EVAL "return {1, false, true, redis.call('GET', 'none'), redis.call('HGETALL', 'h')}" 0
		WATCH k
		2> SET k w
		MULTI
		GET k
		EXEC
		XADD x 1-1 a b
		XRANGE x - +
		XRANGE x - + COUNT 0
		SCAN 0 MATCH h COUNT 100
		PUBSUB NUMSUB a
		SUBSCRIBE a
		GET k
		PING
		UNSUBSCRIBE a
		UNSUBSCRIBE
		RESET
		HGETALL h
	`},
	{name: "wrong requests", commands: `
		NOSUCH
		nosuch a "b c" "d"
		NOSUCH aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbb
		NOSUCH "a\r\nb" "\x00c"
		GET
		GET a b
		SET a
		DEL
		PING a b
		PING x
		PING
		ECHO
		ECHO "\xff\n"
		TIME x
		CONFIG
		CONFIG bogus
		CONFIG GET
		CONFIG SET
		CONFIG SET hz
		CONFIG SET bogus 1
		CONFIG SET databases 3
		CONFIG GET bogus
		CONFIG GET databases DATABASES d?tabases
		CONFIG RESETSTAT
		CONFIG REWRITE
		CLIENT
		CLIENT bogus
		CLIENT SETNAME "a b"
		CLIENT SETNAME me
		CLIENT GETNAME
		CLIENT SETNAME ""
		CLIENT GETNAME
		CLIENT KILL ID x
		CLIENT KILL ID 99999
		CLIENT KILL bogus
		CLIENT KILL bogus x
		CLIENT KILL TYPE bogus
		CLIENT LIST bogus
		CLIENT LIST TYPE bogus
		CLIENT LIST ID x
		CLIENT NO-EVICT
		CLIENT NO-EVICT x
		CLIENT NO-EVICT on
		time CLIENT ID
		AUTH x
		AUTH a b
		AUTH a b c
		AUTH default x
		WAIT 0 0
		WAIT 1 1
		WAIT x 1
		WAIT 0 -1
		ROLE
		CLUSTER INFO
		READONLY
		ACL WHOAMI
		COMMAND COUNT x
		time LASTSAVE
		time TIME
		RESET
	`},
	{name: "notification settings", notify: "K$", commands: `
		SET k v PX 100000
		DEL k
		CONFIG SET notify-keyspace-events E$g
		SET k v PX 100000
		DEL k
		CONFIG SET notify-keyspace-events KEAmn
		CONFIG GET notify-keyspace-events
		SET k v
		GET none
		EXISTS none k
		TTL none
		HGET none f
		TYPE none
		HSET h f v
		CONFIG SET notify-keyspace-events K$gxeh
		CONFIG GET notify-keyspace-events
		CONFIG SET notify-keyspace-events Kn
		CONFIG GET notify-keyspace-events
		SET new v
		CONFIG SET notify-keyspace-events KEg$lshzxetdmn
		CONFIG GET notify-keyspace-events
		SET newer v
		CONFIG SET notify-keyspace-events $x
		CONFIG GET notify-keyspace-events
		SET silent v
		CONFIG SET notify-keyspace-events bogus
		CONFIG SET notify-keyspace-events Kg databases 3
		CONFIG GET notify-keyspace-events
		CONFIG SET notify-keyspace-events K notify-keyspace-events E
		CONFIG SET notify-keyspace-events ""
		CONFIG GET notify-keyspace-events
		CONFIG SET notify-keyspace-events KEx
		SET k v PX 100000
		DEL k
	`},
	{name: "events of reads and no-ops", notify: "KEAmn", commands: `
		GET none
		MGET none also
		GETDEL none
		GETEX none
		GETSET k v
		SET k v GET
		SET none v XX GET
		STRLEN none
		HGETALL none
		HDEL none f
		DEL none
		EXPIRE none 10
		PERSIST none
		RENAME none x
		COPY none x
		XLEN none
		XRANGE none - +
		TOUCH none
		HSCAN none 0
		HSETNX h f v
		HSETNX h f w
		INCR n
		APPEND a x
		APPEND a x
	`},
}
