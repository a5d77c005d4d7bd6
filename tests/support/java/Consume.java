import java.time.Duration;
import java.util.Base64;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads committed records with Kafka's own client: Consume SERVERS TOPIC COUNT QUIET_MS WITHIN_MS.
 *
 * Ends once it has read so many and then nothing more for some time, or when its time is over. Prints a line for each
 * record: PARTITION OFFSET KEY VALUE NAME=CONTENT..., with key, value and headers' contents in base64.
 */
public class Consume {
    public static void main(String[] arguments) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        int count = Integer.parseInt(arguments[2]);
        long quiet = Long.parseLong(arguments[3]);
        long until = System.currentTimeMillis() + Long.parseLong(arguments[4]);
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
            var partitions = consumer.partitionsFor(arguments[1]).stream()
                .map(one -> new org.apache.kafka.common.TopicPartition(one.topic(), one.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            int read = 0;
            long last = System.currentTimeMillis();
            while (System.currentTimeMillis() < until
                    && (read < count || System.currentTimeMillis() - last < quiet)) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    System.out.println(line(record));
                    read++;
                    last = System.currentTimeMillis();
                }
            }
        }
    }

    static String line(ConsumerRecord<byte[], byte[]> record) {
        Base64.Encoder base64 = Base64.getEncoder();
        StringBuilder line = new StringBuilder();
        line.append(record.partition()).append(' ').append(record.offset());
        line.append(' ').append(base64.encodeToString(record.key()));
        line.append(' ').append(base64.encodeToString(record.value()));
        for (Header header : record.headers()) {
            line.append(' ').append(header.key()).append('=').append(base64.encodeToString(header.value()));
        }
        return line.toString();
    }
}
