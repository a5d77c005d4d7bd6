"""Audio analysis: whether a clip is speech, music, tones, fax or silence; its DTMF digits, bandwidth and level."""
