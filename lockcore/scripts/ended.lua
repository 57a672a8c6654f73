-- The state's hold, with the end that nobody recorded: by its deadline, or by somebody unknown.
local past = sub(s, 34)
if byte(s, 93) == 45 then -- "-"
  local ends = tonumber(sub(s, 65, 77)) or 0
  if ends > 0 and now_ms >= ends then
    past = sub(s, 34, 78) .. sub(s, 65, 77) .. ' expired' .. sub(s, 94)
  else
    past = sub(s, 34, 92) .. 'deleted' .. sub(s, 94)
  end
end
