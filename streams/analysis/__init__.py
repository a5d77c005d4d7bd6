"""What a clip contains: speech, music, tones, DTMF, fax or silence; its bandwidth and level."""
