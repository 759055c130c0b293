/**
 * Events of WeCom that we ignore (pages 90240, 101027). Only these are names in metrics: an event comes from outside, and
 * each new name would be a new time series.
 */
const knownEvents: ReadonlySet<string> = new Set([
  'subscribe',
  'unsubscribe',
  'enter_agent',
  'LOCATION',
  'batch_job_result',
  'change_contact',
  'change_external_contact',
  'change_external_chat',
  'change_external_tag',
  'click',
  'view',
  'view_miniprogram',
  'scancode_push',
  'scancode_waitmsg',
  'pic_sysphoto',
  'pic_photo_or_album',
  'pic_weixin',
  'location_select',
  'open_approval_change',
  'sys_approval_change',
  'share_agent_change',
  'share_chain_change',
  'template_card_event',
  'template_card_menu_event',
  'living_status_change',
  'enter_chat',
  'feedback_event',
  'disconnected_event',
  'auth_change_event',
  'enter_check_update',
])

/** The type of an ignored event as metrics name it: `event:LOCATION`, or `event:other`. */
export function eventLabel(type: string): string {
  return knownEvents.has(type.slice('event:'.length)) ? type : 'event:other'
}
