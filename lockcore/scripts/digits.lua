local function digits(n)
  return format('%.0f', n)
end
