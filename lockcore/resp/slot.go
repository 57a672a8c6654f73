package resp

// Which of a cluster's 16,384 slots a key lies in, and where a command has its key.

import (
	"fmt"
	"strconv"
	"strings"
)

const slots = 16384

// Slot is the cluster slot of a key: CRC16 (XMODEM) of what stands between its first { and
// the first } after it, or of the whole key where that is nothing.
func Slot(key string) int {
	if open := strings.IndexByte(key, '{'); open >= 0 {
		if length := strings.IndexByte(key[open+1:], '}'); length > 0 {
			key = key[open+1 : open+1+length]
		}
	}
	var crc uint16
	for i := 0; i < len(key); i++ {
		crc = crc<<8 ^ crc16[byte(crc>>8)^key[i]]
	}
	return int(crc % slots)
}

var crc16 = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()

// keyless are commands whose first argument is no key.
var keyless = map[string]bool{
	"acl": true, "auth": true, "client": true, "cluster": true, "command": true, "config": true, "dbsize": true, "debug": true,
	"echo": true, "flushall": true, "flushdb": true, "function": true, "hello": true, "info": true, "keys": true, "lastsave": true,
	"latency": true, "memory": true, "module": true, "ping": true, "publish": true, "pubsub": true, "randomkey": true, "role": true,
	"scan": true, "script": true, "select": true, "slowlog": true, "time": true, "wait": true,
}

// slotOf is the slot of a command's first key, or anyNode.
func slotOf(args []any) int {
	if len(args) < 2 {
		return anyNode
	}
	name, _ := args[0].(string)
	name = strings.ToLower(name)
	if name == "eval" || name == "evalsha" { // script, number of keys, keys
		if n, err := strconv.Atoi(fmt.Sprint(args[min(2, len(args)-1)])); err != nil || n < 1 || len(args) < 4 {
			return anyNode
		}
		return Slot(fmt.Sprint(args[3]))
	}
	if keyless[name] {
		return anyNode
	}
	switch key := args[1].(type) {
	case string:
		return Slot(key)
	case []byte:
		return Slot(string(key))
	}
	return Slot(fmt.Sprint(args[1]))
}
