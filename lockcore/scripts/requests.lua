-- requests is the request before the last ones, of which at least fifteen are kept: the list is cut only now and then,
-- since that takes longer than all the rest.
requests = ' ' .. request .. (r or ' ')
if #requests > 24 * #request + 24 then requests = match(requests, '^ ' .. string.rep('%S+ ', 16)) or requests end
