-- Sends the mammograms of a study to MTU-Net once no more of them arrive; what MTU-Net made stays here.
function OnStableSeries(seriesId, tags, metadata)
   if tags['Modality'] == 'MG' and tags['Manufacturer'] ~= 'MTU-Net' then
      RestApiPost('/modalities/mtunet/store', DumpJson({ Resources = { seriesId }, Asynchronous = true }, false))
   end
end
