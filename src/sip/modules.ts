/**
 * The modules that are loaded, and no others. chan_sip reports itself ready without RTP unless the chain
 * res_sorcery_config, res_pjproject, res_rtp_multicast, res_rtp_asterisk is there (an error in the log is the only
 * sign). Nothing here runs a program: no app_system, app_exec, func_shell; no second SIP stack, no IAX;
 * no res_ari_asterisk, by which ARI could load all that.
 */
export const MODULES: readonly string[] = [
  "res_sorcery_config.so",
  "res_pjproject.so",
  "res_rtp_multicast.so",
  "res_rtp_asterisk.so",
  "res_timing_timerfd.so",
  "res_security_log.so",
  // Calls are handed to the supervisor.
  "res_http_websocket.so",
  "res_stasis.so",
  "res_stasis_answer.so",
  "res_stasis_recording.so",
  "res_stasis_playback.so",
  "res_stasis_snoop.so",
  "res_ari.so",
  "res_ari_model.so",
  "res_ari_channels.so",
  "res_ari_bridges.so",
  "res_ari_events.so",
  "res_ari_applications.so",
  "app_stasis.so",
  // Channels, bridges, dialplan.
  "chan_sip.so",
  "chan_rtp.so",
  "bridge_simple.so",
  "bridge_softmix.so",
  "pbx_config.so",
  "app_dial.so",
  "app_echo.so",
  "app_milliwatt.so",
  "app_playtones.so",
  "func_channel.so",
  "func_callerid.so",
  "func_strings.so",
  "func_timeout.so",
  "codec_ulaw.so",
  "codec_alaw.so",
  "codec_a_mu.so",
  "codec_g722.so",
  "codec_gsm.so",
];
