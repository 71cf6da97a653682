-- Sends the mammograms of a study to MTU-Net once no more of them arrive; what MTU-Net made stays here.
function OnStableSeries(seriesId, tags, metadata)
   if tags['Modality'] == 'MG' and tags['Manufacturer'] ~= 'MTU-Net' then
      RestApiPost('/modalities/mtunet/store', DumpJson({ Resources = { seriesId }, Asynchronous = true }, false))
   end
end

-- A receiver that is busy may let a connection time out: it is tried again, ten times at most.
local tried = {}
function OnJobFailure(jobId)
   local job = ParseJson(RestApiGet('/jobs/' .. jobId, false))
   tried[jobId] = (tried[jobId] or 0) + 1
   if job['Type'] == 'DicomModalityStore' and job['Content']['RemoteAet'] == 'MTUNET' and tried[jobId] <= 10 then
      RestApiPost('/jobs/' .. jobId .. '/resubmit', '', false)
   end
end
